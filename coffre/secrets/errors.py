"""What can be wrong with identities, recipients and bundles, one class for each thing that code tells apart."""

from coffre.errors import ExpectedError


class IdentityError(ExpectedError):
    """The private key that opens bundles is missing, unreadable, badly kept, or not one of the recipients."""


class RecipientsError(ExpectedError):
    """The list of public keys that bundles are encrypted for is missing, too short or not readable."""


class BundleError(ExpectedError):
    """A copy of a bundle cannot be used; nothing was changed."""


class WrongIdentityError(BundleError):
    """The copy is encrypted for other recipients than ours."""


class CorruptBundleError(BundleError):
    """The copy is damaged, or what it holds is not a bundle."""


class ForeignBundleError(BundleError):
    """The copy is a sound bundle, but of another tenant, another kind or another version."""


class MissingCopyError(BundleError):
    """The escrow lacks a bundle that the secrets folder has (or neither has it, when it was asked for)."""


class ConflictingCopiesError(BundleError):
    """Both copies open, and give different values for the same thing: no rule can choose."""
