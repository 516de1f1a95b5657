"""The errors of identities, recipients and bundles, one class for each case that code distinguishes."""

from coffre.errors import ExpectedError


class IdentityError(ExpectedError):
    """The private key that opens bundles is missing, unreadable, badly protected, or not one of the recipients."""


class RecipientsError(ExpectedError):
    """The list of recipients, the public keys of the bundles, is missing, too short or not readable."""


class BundleError(ExpectedError):
    """A copy of a bundle cannot be used; nothing was changed."""


class WrongIdentityError(BundleError):
    """The copy is encrypted for other recipients than ours."""


class CorruptBundleError(BundleError):
    """The copy is damaged, or its content is not a bundle."""


class ForeignBundleError(BundleError):
    """The copy is a valid bundle, but of another tenant, another kind or another version."""


class MissingCopyError(BundleError):
    """The escrow lacks a bundle that the secrets folder has (or both lack a bundle that was requested)."""


class ConflictingCopiesError(BundleError):
    """Both copies open, but have different values for the same secret: no rule can choose."""


class MissingKeyError(ExpectedError):
    """The platform has not created a key yet, so the bundle has none."""
