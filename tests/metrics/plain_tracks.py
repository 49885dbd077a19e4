"""Random events, and the track definitions once more: dictionaries and loops, no arrays."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np


@dataclass
class Sample:
    """Hits of several events with equal ids, and tracks as lists of hits per event."""

    hits: dict[str, np.ndarray]
    labels: np.ndarray
    lists: list[list[list[int]]]
    events: list[dict[str, Any]] = field(default_factory=list)


def sample(seed: int, events: int = 3, shared: bool = False, big_ids: bool = False) -> Sample:
    """Small events full of ties, noise, short tracks, and soft or forward particles."""
    rng = np.random.default_rng(seed)
    columns: dict[str, list[np.ndarray]] = {
        name: [] for name in ("event_id", "particle_id", "pt", "eta", "vz", "tz")
    }
    labels, lists, plain = [], [], []
    for event in range(events):
        n, particles = int(rng.integers(30, 60)), int(rng.integers(5, 12))
        pid = rng.integers(0, particles + 1, n)
        pt = rng.choice([0.04, 0.3, 0.9, 1.0, 2.0, 5.0], particles + 1)
        eta = rng.choice([-4.5, -2.0, 0.0, 1.0, 4.0], particles + 1)
        vz = rng.normal(0, 50, particles + 1)
        guess = np.where(rng.random(n) < 0.7, pid, rng.integers(0, particles + 1, n))
        label = np.where(rng.random(n) < 0.15, -1, guess // 2 if rng.random() < 0.3 else guess)
        tracks = [np.flatnonzero(label == each).tolist() for each in np.unique(label[label >= 0])]
        if shared:
            extra = [rng.choice(n, int(rng.integers(1, 9)), replace=False) for _ in range(4)]
            tracks += [each.tolist() for each in extra] + [tracks[0][:], []]
        names = pid * (2**45 + 12345) if big_ids else pid
        tz = np.round(rng.normal(0, 300, n), -2)  # coarse: equal distances happen
        values = (np.full(n, 100 + event), names, pt[pid], eta[pid], vz[pid].round(-2), tz)
        for name, value in zip(columns, values, strict=True):
            columns[name].append(value)
        labels.append(label)
        lists.append(tracks)
        plain.append({"pid": names.tolist(), "tracks": tracks, "label": label.tolist()})
        plain[-1]["pt"] = dict(zip(names.tolist(), pt[pid].tolist(), strict=True))
        plain[-1]["eta"] = dict(zip(names.tolist(), eta[pid].tolist(), strict=True))
    hits = {name: np.concatenate(parts) for name, parts in columns.items()}
    return Sample(hits, np.concatenate(labels), lists, plain)


HALF = Fraction(1, 2)


def passes(rule: str, n: int, size: int, total: int, double: bool = False) -> bool:
    """The rules as sentences about exact fractions."""
    p, q = Fraction(n, size), Fraction(n, total)
    return {
        "perfect": q == 1 and p > Fraction(99, 100),
        "double_majority": p > HALF and q > HALF,
        "lhc": p > Fraction(3, 4),
        "acts": p >= HALF and (q >= HALF or not double),
        "atlas": p >= HALF,
        "two_way": p >= HALF and q >= HALF,
    }[rule]


def plain_counts(
    data: Sample, rule: str, pt_min: float = 0.9, eta_max: float = 4.0, double: bool = False
) -> dict[str, tuple[int, int]]:
    """Counts of efficiency, fake rate and duplicate rate, track by track."""
    particles = tracks = matched_tracks = fakes = duplicates = pairs = 0
    found: Counter[tuple[int, int]] = Counter()
    for number, event in enumerate(data.events):
        total = Counter(event["pid"])
        selected = {
            pid
            for pid, n in total.items()
            if pid > 0
            and n >= 3
            and event["pt"][pid] >= pt_min
            and abs(event["eta"][pid]) < eta_max
        }
        particles += len(selected)
        for track in event["tracks"]:
            if len(track) < 3:
                continue
            inside = Counter(event["pid"][hit] for hit in track)
            if rule in ("atlas", "one_way", "two_way"):
                tracks += 1
                is_matched = False
                for pid, n in inside.items():
                    if pid == 0:
                        continue
                    if rule == "one_way":
                        good_track = Fraction(n, len(track)) >= HALF
                        good_particle = Fraction(n, total[pid]) >= HALF
                    else:
                        good_track = good_particle = passes(rule, n, len(track), total[pid])
                    is_matched |= good_track
                    if good_particle and pid in selected:
                        pairs += 1
                        found[number, pid] += 1
                fakes += not is_matched
                continue
            if rule == "acts":
                tracks += 1
                inside.pop(0, None)
            if not inside:
                continue
            majority = min(inside, key=lambda pid: (-inside[pid], pid))
            if majority not in selected:
                continue
            tracks += rule != "acts"
            if passes(rule, inside[majority], len(track), total[majority], double):
                matched_tracks += 1
                duplicates += (number, majority) in found
                found[number, majority] += 1
            else:
                fakes += 1
    if rule in ("atlas", "one_way", "two_way"):
        duplicate = (pairs - len(found), len(found))
    else:
        duplicate = (duplicates, tracks)
    efficiency = (matched_tracks, tracks) if rule == "lhc" else (len(found), particles)
    return {"efficiency": efficiency, "fake_rate": (fakes, tracks), "duplicate_rate": duplicate}


def plain_weights(data: Sample) -> np.ndarray:
    """The official weights of the challenge, hit by hit."""
    along = [10.0, 8.0, 6.0, 5.0, 3.0, 3.0, 3.0, 5.0, 6.0]
    result = []
    start = 0
    for event in data.events:
        n = len(event["pid"])
        tz = data.hits["tz"][start : start + n]
        vz = data.hits["vz"][start : start + n]
        start += n
        weights = []
        for hit, pid in enumerate(event["pid"]):
            mates = [other for other in range(n) if event["pid"][other] == pid]
            if pid == 0 or len(mates) < 4:
                weights.append(0.0)
                continue
            here = abs(tz[hit] - vz[hit])
            distances = [abs(tz[other] - vz[other]) for other in mates]
            nearer, equal = sum(d < here for d in distances), sum(d == here for d in distances)
            place = int(nearer + (equal + 1) / 2 - 1)  # mean rank, counted from 0, cut off
            count = min(len(mates), 20)

            def at(position: float, count: int = count) -> float:
                x = position * 8 / (count - 1)
                low = min(int(x), 7)
                return along[low] + (x - low) * (along[low + 1] - along[low])

            order = at(place) / sum(at(each) for each in range(count)) if place < 20 else 0.0
            pt = event["pt"][pid]
            by_pt = 0.0 if pt < 0.05 else 0.2 + 0.8 * min(max((pt - 0.5) / 2.5, 0), 1)
            weights.append(order * by_pt)
        result += [each / (sum(weights) or 1.0) for each in weights]
    return np.array(result)


def plain_score(data: Sample, weights: np.ndarray) -> list[float]:
    """The score of each event, track by track; labels alone, no shared hits."""
    scores, start = [], 0
    for event in data.events:
        pid, label = event["pid"], event["label"]
        weight = weights[start : start + len(pid)]
        start += len(pid)
        total = Counter(pid)
        won = 0.0
        for track in set(label) - {-1}:
            own = [hit for hit in range(len(pid)) if label[hit] == track]
            majority, n = Counter(pid[hit] for hit in own).most_common(1)[0]
            if majority > 0 and 2 * n > len(own) and 2 * n > total[majority]:
                won += sum(weight[hit] for hit in own if pid[hit] == majority)
        scores.append(won / sum(weight) if sum(weight) else float("nan"))
    return scores
