"""Pulumi's property values as plain ones, and back.

What is not known yet is a certain text on the wire, which Pulumi's SDK neither reads as such nor can write.
"""

from collections.abc import Mapping
from typing import Any

from pulumi.provider.experimental.property_value import Computed, PropertyValue
from pulumi.runtime.rpc import UNKNOWN as UNKNOWN_ON_THE_WIRE

from coffre.storage.provider.fields import UNKNOWN


def to_plain(value: PropertyValue) -> Any:
    """Return the value without Pulumi's marks; whole numbers, which the protocol sends as floats, as int."""
    inner = value.value
    if isinstance(inner, Computed) or inner == UNKNOWN_ON_THE_WIRE:
        return UNKNOWN
    if isinstance(inner, bool | str) or inner is None:
        return inner
    if isinstance(inner, int | float):
        return int(inner) if float(inner).is_integer() else inner
    if isinstance(inner, Mapping):
        return {name: to_plain(item) for name, item in inner.items()}
    if isinstance(inner, list | tuple):
        return [to_plain(item) for item in inner]
    raise TypeError(f"the provider takes no {value.type.value} values")


def to_property(value: Any, is_secret: bool = False) -> PropertyValue:
    if value is UNKNOWN:
        return PropertyValue(UNKNOWN_ON_THE_WIRE, is_secret=is_secret)
    if isinstance(value, bool | str) or value is None:
        return PropertyValue(value, is_secret=is_secret)
    if isinstance(value, int | float):
        return PropertyValue(float(value), is_secret=is_secret)
    if isinstance(value, Mapping):
        return PropertyValue({name: to_property(item) for name, item in value.items()}, is_secret=is_secret)
    return PropertyValue([to_property(item) for item in value], is_secret=is_secret)
