"""Hostile and mistaken expressions: all refused, with the place, and nothing is ever run."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from pcgnn.errors import ExpressionError
from pcgnn.io import compile_expression, read_root

HOSTILE = {
    "attribute": ("jet_pt.real > 1", "attributes"),
    "method": ("jet_pt.sum() > 1", "attributes"),
    "module": ("os.system(1)", "attributes"),
    "import": ("__import__(1)", "unknown function __import__"),
    "import with text": ("__import__('os')", "strings"),
    "import statement": ("import os", "invalid syntax"),
    "eval": ("eval(jet_pt)", "unknown function eval"),
    "exec": ("exec(jet_pt)", "unknown function exec"),
    "open": ("open(jet_pt)", "unknown function open"),
    "getattr": ("getattr(jet_pt, a)", "unknown function getattr"),
    "dunder name": ("__builtins__ > 1", "__builtins__"),
    "dunder class": ("(1).__class__", "attributes"),
    "call of a call": ("abs(jet_pt)(1)", "only functions of the language"),
    "call of a number": ("3(jet_pt)", "only functions of the language"),
    "call of a bracket": ("(jet_pt + 1)(2)", "only functions of the language"),
    "subscript": ("jet_pt[0] > 1", "subscripts"),
    "subscript with text": ("jet_pt['a'] > 1", "subscripts"),
    "slice": ("jet_pt[1:2]", "subscripts"),
    "lambda": ("lambda: 1", "lambda"),
    "lambda with argument": ("(lambda x: x)(jet_pt)", "lambda"),
    "generator": ("sum(x for x in jet_pt)", "comprehensions"),
    "list": ("[jet_pt]", "subscripts"),
    "list comprehension": ("[x for x in jet_pt]", "subscripts"),
    "dictionary": ("{1: 2}", "braces"),
    "set": ("{1, 2}", "braces"),
    "f-string": ("f'{jet_pt}'", "strings"),
    "text": ("'a' > 1", "strings"),
    "double quotes": ('"a" > 1', "strings"),
    "bytes": ("b'a'", "strings"),
    "walrus": ("(y := jet_pt)", ":="),
    "assignment": ("jet_pt = 5", "=="),
    "conditional": ("jet_pt if is_top else 1", "where"),
    "yield": ("(yield jet_pt)", "yield"),
    "await": ("await jet_pt", "await"),
    "star": ("abs(*jet_pt)", r"\*"),
    "double star": ("abs(**jet_pt)", "keyword"),
    "keyword": ("clip(jet_pt, low=1, high=2)", "=="),
    "tuple": ("(jet_pt, 1)", "tuples"),
    "bare comma": ("jet_pt, 1", "tuples"),
    "semicolon": ("jet_pt; 1", "character ;"),
    "comment": ("jet_pt > 1 # & is_top", "comments"),
    "backslash": ("jet_pt \\\n > 1", "character"),
    "backtick": ("`ls`", "character `"),
    "dollar": ("$HOME", "character"),
    "at": ("jet_pt @ jet_pt", "matrix"),
    "ellipsis": ("...", "not a number"),
    "null byte": ("jet_pt\0 > 1", "ASCII"),
    "bell": ("jet_pt\a", "ASCII"),
    "escape sequence": ("\x1b[31mjet_pt", "ASCII"),
    "byte order mark": ("\ufeffjet_pt", "ZERO WIDTH NO-BREAK SPACE"),
    "fullwidth letters": ("\uff4aet_pt > 1", "FULLWIDTH LATIN SMALL LETTER J"),
    "cyrillic letter": ("jet_\u0440t > 1", "CYRILLIC SMALL LETTER ER"),
    "unicode minus": ("jet_pt \u2212 1", "MINUS SIGN"),
    "unicode digit": ("jet_pt > \u0661", "ARABIC-INDIC DIGIT ONE"),
    "zero width space": ("jet\u200b_pt", "ZERO WIDTH SPACE"),
    "right to left": ("jet_pt\u202e > 1", "RIGHT-TO-LEFT OVERRIDE"),
    "combining": ("jet_pt\u0301", "COMBINING ACUTE ACCENT"),
    "lone surrogate": ("jet_pt\ud800", "U\\+D800"),
    "complex": ("1j * jet_pt", "real numbers"),
    "true": ("True", "real numbers"),
    "none": ("jet_pt == None", "real numbers"),
    "too large a number": ("1e999", "too large"),
    "too large an integer": ("12345678901234567890 > run", "2\\*\\*53"),
    "digits without end": ("9" * 3990, "2\\*\\*53|too long"),
    "octal": ("0777", "cannot be understood"),
    "deep brackets": ("(" * 1500 + "jet_pt" + ")" * 1500, "cannot be understood|deep"),
    "deep calls": ("abs(" * 190 + "jet_pt" + ")" * 190, "deep|cannot be understood"),
    "deep minus": ("-" * 3900 + "jet_pt", "deep"),
    "deep tilde": ("~" * 3900 + "jet_pt", "deep"),
    "deep not": ("not " * 900 + "jet_pt", "deep"),
    "deep powers": ("2**" * 1200 + "2", "deep"),
    "long sum": ("1+" * 1900 + "1", "deep"),
    "too long": ("jet_pt + " * 1000 + "1", "too long"),
    "empty": ("", "empty"),
    "blank": (" \t\n", "empty"),
}

MISTAKES = {
    "unknown name": ("jet_ptt > 5", "did you mean jet_pt"),
    "unknown name in capitals": ("JET_PT > 5", "did you mean jet_pt"),
    "unknown particle field": ("sum(part_chrge) > 1", "did you mean part_charge"),
    "unknown function": ("squrt(jet_pt) > 5", "did you mean sqrt"),
    "function without brackets": ("sum > 5", "unknown name sum"),
    "xor for power": ("jet_pt ^ 2 > 5", "\\*\\*"),
    "and of c": ("jet_pt > 5 && is_top", "write &"),
    "or of c": ("jet_pt > 5 || is_top", "write \\|"),
    "not of c": ("!is_top", "write ~"),
    "arrow": ("jet_pt -> 5", "no meaning"),
    "shift": ("1 << 3 > jet_pt", "shifts"),
    "floor division": ("jet_pt // 2 > 5", "floor"),
    "question mark": ("is_top ? 1 : 0", "where"),
    "brackets forgotten": ("jet_pt > 550 & abs(jet_eta) < 2", "brackets"),
    "brackets forgotten with not": ("~jet_pt > 550", "brackets"),
    "bracket left open": ("(jet_pt > 550", "cannot be understood"),
    "bracket too many": ("jet_pt > 550)", "cannot be understood"),
    "operator missing": ("jet_pt 550", "cannot be understood"),
    "operand missing": ("jet_pt >", "cannot be understood"),
    "is": ("is_top is 1", "=="),
    "in": ("is_top in run", "=="),
    "no arguments": ("sum() > 1", "takes 1 argument"),
    "too many arguments": ("sqrt(jet_pt, 2) > 1", "takes 1 argument"),
    "max of two": ("max(jet_pt, 5) > 1", "maximum"),
    "number as condition": ("count(3)", "needs conditions"),
    "sum over an event column": ("sum(jet_pt) > 5", "per entry"),
    "number as cut": ("jet_pt + 1", "not a condition"),
    "particles as cut": ("part_pt > 5", "any\\(\\)"),
    "array column": ("tau > 0.5", "dimensions"),
    "dotted branch": ("Jet.PT > 5", "attributes"),
}


@pytest.mark.parametrize(("text", "message"), HOSTILE.values(), ids=HOSTILE)
def test_hostile(text: str, message: str, jets_file: Path, tmp_path: Path) -> None:
    start = time.process_time()
    with pytest.raises(ExpressionError, match=message):
        compile_expression(text).require(())
    assert time.process_time() - start < 2
    with pytest.raises(ExpressionError, match=message):
        read_root(jets_file, event="weight", cut=text)
    with pytest.raises(ExpressionError, match=message):
        read_root(jets_file, event="weight", derived={"new": text})
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(("text", "message"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes(text: str, message: str, jets_file: Path) -> None:
    with pytest.raises(ExpressionError, match=message):
        read_root(jets_file, particles="part_*", event=["weight", "tau"], cut=text)


@pytest.mark.parametrize(
    "text",
    [
        "10 ** 10 ** 10 ** 10 > jet_pt",
        "1e308 * 1e308 > jet_pt",
        "(9 ** 9 ** 9) - (9 ** 9 ** 9) != 0",
        "1 / 0 > jet_pt",
        "log(0 - jet_pt) != 0",
        "2 ** 53 % 0 != 1",
        "exp(exp(exp(jet_pt))) > 0",
    ],
)
def test_huge_numbers_are_floats_and_take_no_time(text: str, jets_file: Path) -> None:
    start = time.process_time()
    jets = read_root(jets_file, event="weight", cut=text)
    assert len(jets) == 40
    assert time.process_time() - start < 5


@pytest.mark.parametrize("text", [None, 3, b"jet_pt > 1", ["jet_pt > 1"]])
def test_what_is_no_text(text: object) -> None:
    with pytest.raises(ExpressionError, match="is text"):
        compile_expression(text)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("derived", "message"),
    [
        ({"a": "b + 1", "b": "a + 1"}, "circle"),
        ({"a": "a + 1"}, "circle"),
        ({"a": "b", "b": "c", "c": "a"}, "circle"),
        ({"a": "part_pt * 2"}, "must begin with part_"),
        ({"part_a": "jet_pt * 2"}, "must not begin with part_"),
        ({"a": "jet_ptt"}, "did you mean jet_pt"),
        ({"a": "jet_pt +"}, "in a: "),
    ],
)
def test_derived_columns(derived: dict[str, str], message: str, jets_file: Path) -> None:
    with pytest.raises(ExpressionError, match=message):
        read_root(jets_file, particles="part_*", derived=derived)
