"""ristretto255 by the formulas of RFC 9496, one element at a time, on Python's whole numbers: slow, and independent."""

from __future__ import annotations

import hashlib

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
SQRT_M1 = pow(2, (P - 1) // 4, P)
ONE_MINUS_D_SQ = (1 - D * D) % P
D_MINUS_ONE_SQ = (D - 1) ** 2 % P

Point = tuple[int, int, int, int]  # X, Y, Z, T: extended coordinates of the Edwards curve


def _negative(x: int) -> bool:
    return x % P % 2 == 1


def _absolute(x: int) -> int:
    return -x % P if _negative(x) else x % P


def _root(u: int, v: int) -> tuple[bool, int]:
    """Whether u / v is a square, and the root of u / v or of SQRT_M1 u / v that is not negative (section 4.2)."""
    r = u * v**3 * pow(u * v**7, (P - 5) // 8, P) % P
    check = v * r * r % P
    if check == -u % P or check == -u * SQRT_M1 % P:
        r = r * SQRT_M1 % P
    return check in (u % P, -u % P), _absolute(r)


SQRT_AD_MINUS_ONE = -_root(-D - 1, 1)[1] % P  # the root that the RFC names is the odd one
INVSQRT_A_MINUS_D = _root(1, -1 - D)[1]
NEUTRAL: Point = (0, 1, 1, 0)


def decode(data: bytes) -> Point | None:
    """Section 4.3.1; None for what is no encoding."""
    s = int.from_bytes(data, "little")
    if len(data) != 32 or s >= P or _negative(s):
        return None
    u1, u2 = (1 - s * s) % P, (1 + s * s) % P
    v = (-(D * u1 * u1) - u2 * u2) % P
    square, inverse = _root(1, v * u2 * u2 % P)
    den_x = inverse * u2 % P
    den_y = inverse * den_x * v % P
    x, y = _absolute(2 * s * den_x), u1 * den_y % P
    t = x * y % P
    return None if not square or _negative(t) or y == 0 else (x, y, 1, t)


def encode(point: Point) -> bytes:
    """Section 4.3.2."""
    x0, y0, z0, t0 = point
    u1, u2 = (z0 + y0) * (z0 - y0) % P, x0 * y0 % P
    _, inverse = _root(1, u1 * u2 * u2 % P)
    den1, den2 = inverse * u1 % P, inverse * u2 % P
    z_inverse = den1 * den2 * t0 % P
    if _negative(t0 * z_inverse):
        x, y, den = y0 * SQRT_M1 % P, x0 * SQRT_M1 % P, den1 * INVSQRT_A_MINUS_D % P
    else:
        x, y, den = x0, y0, den2
    if _negative(x * z_inverse):
        y = -y % P
    return _absolute(den * (z0 - y)).to_bytes(32, "little")


def add(p: Point, q: Point) -> Point:
    """Addition on the Edwards curve with a = -1, complete (Hisil et al. 2008)."""
    (x1, y1, z1, t1), (x2, y2, z2, t2) = p, q
    a, b = (y1 - x1) * (y2 - x2) % P, (y1 + x1) * (y2 + x2) % P
    c, d = 2 * D * t1 * t2 % P, 2 * z1 * z2 % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def multiply(scalar: int, point: Point) -> Point:
    """The scalar times the point, bit by bit."""
    found = NEUTRAL
    for bit in bin(scalar)[2:]:
        found = add(found, found)
        if bit == "1":
            found = add(found, point)
    return found


def from_uniform(data: bytes) -> Point:
    """Section 4.3.4: two maps, added."""
    return add(_map(data[:32]), _map(data[32:]))


def _map(data: bytes) -> Point:
    t = int.from_bytes(data, "little") % 2**255 % P
    r = SQRT_M1 * t * t % P
    u, v = (r + 1) * ONE_MINUS_D_SQ % P, (-1 - r * D) * (r + D) % P
    square, s = _root(u, v)
    c = -1
    if not square:
        s, c = -_absolute(s * t) % P, r
    n = (c * (r - 1) * D_MINUS_ONE_SQ - v) % P
    w0, w1 = 2 * s * v % P, n * SQRT_AD_MINUS_ONE % P
    w2, w3 = (1 - s * s) % P, (1 + s * s) % P
    return w0 * w3 % P, w2 * w1 % P, w1 * w3 % P, w0 * w2 % P


def hash_to_group(message: bytes, domain: bytes) -> Point:
    """RFC 9380, section 5.3.1, with SHA-512 to 64 bytes, and the map."""
    tag = domain + bytes([len(domain)])
    first = hashlib.sha512(bytes(128) + message + b"\0\x40\0" + tag).digest()
    return from_uniform(hashlib.sha512(first + b"\1" + tag).digest())
