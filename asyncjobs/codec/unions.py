"""The converter of a union, which brings every value back as the type that it was.

Members that JSON tells apart (`int | None`, `list[int] | str`) travel plain. Where two share a kind of JSON the first
travels plain and each other one under a tag with its name: for `str | datetime`, `{"$": "datetime", "v": "…"}`. So
widening an annotation (`datetime` to `datetime | str`) leaves what is stored already readable. In a union with tags,
objects are always tagged: a plain one could hold the key `$`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from asyncjobs.codec.converter import KINDS, Converter, Kind
from asyncjobs.codec.misfit import Misfit, TooDeep, shown
from asyncjobs.codec.scalars import BOOL, INT, NONE
from asyncjobs.codec.untyped import ANY, TAG, tagged, untag

_NULL: Final[frozenset[Kind]] = frozenset({"null"})

# A number stored while the annotation was narrower, where no member has its own kind any more.
_WIDER: Final[Mapping[Kind | None, Kind]] = {"bool": "int", "int": "float"}


def union_of(members: Sequence[Converter]) -> Converter:
    """In the order of the annotation; a union with `Any` is `Any`."""
    if ANY in members:
        return ANY
    if len(members) == 1:
        return members[0]
    if len(members) == 2 and NONE in members:
        item = members[0] if members[1] is NONE else members[1]
        if "null" not in item.kinds:
            return _optional(item)
    return _union(members)


def _optional(item: Converter) -> Converter:
    encode_item, decode_item = item.encode, item.decode

    def encode(value: object, room: int) -> object:
        return None if value is None else encode_item(value, room)

    def decode(stored: object) -> object:
        return None if stored is None else decode_item(stored)

    return Converter(f"{item.name} | None", encode, decode, item.kinds | _NULL, item.types | NONE.types)


def _union(members: Sequence[Converter]) -> Converter:
    name = " | ".join(member.name for member in members)
    owners = _owners(members)
    tags = _tags(members, owners)
    tag_of = dict(zip(map(id, members), tags, strict=True))
    by_tag = {tag: member for tag, member in zip(tags, members, strict=True) if tag is not None}
    by_type = {kind: [member for member in members if kind in member.types] for member in members for kind in member.types}

    def encode(value: object, room: int) -> object:
        likely = by_type.get(type(value), [])
        reason: Misfit | None = None
        for member in [*likely, *(member for member in members if member not in likely)]:
            try:
                encoded = member.encode(value, room)
            except TooDeep:
                raise
            except Misfit as misfit:
                reason = reason or misfit
                continue
            tag = tag_of[id(member)]
            return encoded if tag is None else tagged(tag, encoded)
        if reason is not None and len(likely) == 1:
            raise reason
        raise Misfit.expected(name, value)

    def decode(stored: object) -> object:
        if by_tag and type(stored) is dict and TAG in stored:
            tag, value = untag(stored)
            if tag not in by_tag:
                raise Misfit(f"expected {name}, got a value stored as {shown(tag)}")
            return by_tag[tag].decode(value)
        kind = KINDS.get(type(stored))
        while kind is not None and kind not in owners:
            kind = _WIDER.get(kind)
        if kind is None:
            raise Misfit.expected(name, stored)
        return owners[kind].decode(stored)

    kinds: frozenset[Kind] = frozenset(owners) | (frozenset({"object"}) if by_tag else frozenset())
    return Converter(name, encode, decode, kinds, frozenset(by_type))


def _owners(members: Sequence[Converter]) -> dict[Kind, Converter]:
    """For each kind of JSON the member that reads it when it carries no tag."""
    owners: dict[Kind, Converter] = {}
    for member in members:
        kinds = _kinds(member, members)
        if not kinds & owners.keys():
            owners.update(dict.fromkeys(kinds, member))
    return owners


def _tags(members: Sequence[Converter], owners: Mapping[Kind, Converter]) -> list[str | None]:
    plain = [all(owners.get(kind) is member for kind in _kinds(member, members)) for member in members]
    tags: list[str | None] = []
    for member, is_plain in zip(members, plain, strict=True):
        if is_plain and (all(plain) or "object" not in member.kinds):
            tags.append(None)
        else:
            again = sum(1 for other in members[: len(tags)] if other.name == member.name)
            tags.append(f"{member.name}#{again + 1}" if again else member.name)
    return tags


def _kinds(member: Converter, members: Sequence[Converter]) -> frozenset[Kind]:
    # A bool is offered to the bool member before it could reach the int one.
    return frozenset({"int"}) if member is INT and BOOL in members else member.kinds
