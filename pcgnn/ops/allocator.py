"""Keep freed memory in the process instead of handing it back after every step (Linux, CPU)."""

from __future__ import annotations

import ctypes
import platform
import sys

__all__ = ["tune_allocator"]

# parameters of mallopt, from glibc's malloc.h
_M_TRIM_THRESHOLD = -1
_M_MMAP_MAX = -4
_LARGEST = 2**31 - 1


def tune_allocator() -> bool:
    """Tell glibc to keep large freed blocks, which makes training on a CPU up to twice as fast.

    By default glibc maps every large tensor anew and unmaps it when it is freed, so that the kernel
    clears and maps the same pages over and over. Afterwards the process keeps the memory of its
    largest step until it ends. Acts on the whole process and cannot be undone, therefore never
    done unasked by the library; the command line does it.

    Returns:
        True if the allocator took the settings, False where it is not glibc's (macOS, Windows,
        musl, a preloaded allocator without ``mallopt``).

    Example:
        >>> tune_allocator() in (True, False)
        True
    """
    if not sys.platform.startswith("linux") or platform.libc_ver()[0] != "glibc":
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    mallopt.argtypes = (ctypes.c_int, ctypes.c_int)
    mallopt.restype = ctypes.c_int
    return bool(mallopt(_M_MMAP_MAX, 0)) and bool(mallopt(_M_TRIM_THRESHOLD, _LARGEST))
