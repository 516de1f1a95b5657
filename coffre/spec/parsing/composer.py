"""libyaml's composer without type resolution: the plain reader resolves types with its own rules."""

from coffre.errors import ExpectedError

try:
    from yaml._yaml import CParser
except ImportError as error:
    # Reading a repository in pure Python takes 12 times as long: an error, not a slow path.
    raise ExpectedError(
        "PyYAML was built without libyaml", "Install a PyYAML that has it: pip install --force-reinstall PyYAML."
    ) from error


class Composer(CParser):
    """Composes nodes with line and column; a node without an explicit tag has none."""

    def resolve(self, kind: object, value: object, implicit: object) -> None:
        """Give a node without an explicit tag none."""

    def descend_resolver(self, parent: object, index: object) -> None:
        """Follow no path resolvers."""

    def ascend_resolver(self) -> None:
        """Follow no path resolvers."""
