"""The rules about an AWS account: whose credential, which rights, which limits, what its trials gave. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from coffre.storage.checking import PlatformFinding, ok, problem, unknown, warning

CLOCK_WARNING_SECONDS = 60
CLOCK_PROBLEM_SECONDS = 300
LIMIT_WARNING_PERCENT = 80
GATE_SECONDS = 5.0
SLOW_MS = 150.0
_NAMED = 8


@dataclass(frozen=True)
class Identity:
    """Whose the credential is, and how far AWS's clock is ahead of this computer's; None where that was not seen."""

    account: str
    arn: str
    clock_offset_seconds: float | None

    @property
    def is_root(self) -> bool:
        return self.arn.endswith(":root")


@dataclass(frozen=True)
class Rights:
    """What was found of Coffre's rights: by doing, and by IAM's simulation (None: it was not permitted)."""

    needed: frozenset[str]
    done: frozenset[str] = frozenset()
    refused: frozenset[str] = frozenset()
    simulated: Mapping[str, bool] | None = None


@dataclass(frozen=True)
class PolicyTrial:
    """The effect of a machine's policies: who could do what."""

    owner_may_delete: bool
    machine_may_write: bool
    machine_may_delete: bool
    stranger_may_read: bool


def judge_identity(identity: Identity, account: str) -> PlatformFinding:
    name = "credential"
    if identity.account != account:
        return problem(
            name,
            f"the credential belongs to account {identity.account}, and platform.yaml says {account}",
            "Use a credential of that account, or correct `account:`; nothing else was tried.",
        )
    if identity.is_root:
        return warning(
            name,
            f"the credential is the root user's of account {account}: no policy binds it",
            "Make a user or role with the policy that `coffre platform policy NAME` prints, and delete root's key.",
        )
    return ok(name, f"the credential is that of {identity.arn}")


def judge_clock(offset_seconds: float | None) -> PlatformFinding:
    name = "clock"
    if offset_seconds is None:
        return unknown(name, "AWS did not send its time")
    size = abs(offset_seconds)
    if size <= CLOCK_WARNING_SECONDS:
        return ok(name, f"this computer's clock and AWS's differ by {size:.0f} s")
    sentence = f"this computer's clock is {size:.0f} s {'behind' if offset_seconds > 0 else 'ahead of'} AWS's"
    advice = "Correct this computer's clock (`chronyc tracking`)."
    if size <= CLOCK_PROBLEM_SECONDS:
        return warning(name, sentence, advice)
    return problem(name, f"{sentence}: AWS refuses requests that are 5 minutes off (IAM) or 15 (S3)", advice)


def judge_region(region: str, location: str | None) -> PlatformFinding:
    """Judge where AWS made the test bucket; it has older names for two regions."""
    name = "region"
    actual = {None: "us-east-1", "": "us-east-1", "EU": "eu-west-1"}.get(location, location)
    if actual == region:
        return ok(name, f"buckets are made in {region}")
    return problem(
        name,
        f"AWS made a bucket in {actual}, not in {region}",
        "Check `region:` of platform.yaml, AWS_ENDPOINT_URL.",
    )


def judge_rights(rights: Rights) -> PlatformFinding:
    """Judge the rights of Coffre: nothing counts as there that nobody did or simulated."""
    name = "rights"
    simulated = rights.simulated or {}
    lacking = (rights.refused | {action for action, is_allowed in simulated.items() if not is_allowed}) - rights.done
    if lacking:
        return problem(
            name,
            f"Coffre may not: {_some(lacking)}",
            "Give it the policy that `coffre platform policy NAME` prints; also look at SCPs and boundaries.",
        )
    left = rights.needed - rights.done - set(simulated)
    if left:
        return unknown(
            name,
            f"{len(rights.needed & rights.done)} of {len(rights.needed)} rights were tried and are there; not tried: "
            f"{_some(left)}",
            "Allow iam:SimulatePrincipalPolicy, which only reads: then AWS answers for all of them.",
        )
    return ok(name, f"all {len(rights.needed)} rights are there: tried, or simulated by IAM")


def judge_customer_data(may_read: bool | None) -> PlatformFinding:
    """Judge whether Coffre's own credential could read customers' objects."""
    name = "customers' data"
    if may_read is None:
        return unknown(name, "whether Coffre's own credential could read customers' objects was not simulated")
    if may_read:
        return warning(
            name,
            "Coffre's own credential could read and change customers' backups",
            "Replace its rights by the policy that `coffre platform policy NAME` prints.",
        )
    return ok(name, "Coffre's own credential cannot read customers' backups")


def judge_public_access(switches: Mapping[str, bool] | None, refusal: str = "") -> PlatformFinding:
    """Judge the account's Block Public Access; None switches: it was never set, or (with a refusal) not seen."""
    name = "public access"
    if refusal:
        return unknown(name, f"the account's Block Public Access was not seen: {refusal}")
    off = sorted(switch for switch, is_on in (switches or {}).items() if not is_on)
    if switches is not None and not off:
        return ok(name, "Block Public Access is on for the whole account")
    return warning(
        name,
        f"Block Public Access of the account is off: {', '.join(off) or 'it was never set'}",
        "Coffre sets it on each of its buckets; on the account it also covers buckets of others "
        "(`aws s3control put-public-access-block`).",
    )


def judge_limit(
    name: str, what: str, there: int, wanted: int, limit: int | None, *, is_default: bool
) -> PlatformFinding:
    """Judge how many of something the account has and the tenants' files need, against AWS's limit."""
    sentence = f"the account has {there} {what}, and the tenants of this platform need {wanted}"
    if limit is None:
        return unknown(name, f"{sentence}; the limit was not seen")
    known = f"AWS's default of {limit}" if is_default else f"the limit of {limit}"
    share = 100 * max(there, wanted) / limit
    if share >= 100:
        return problem(name, f"{sentence}: {known} is reached", "Ask AWS for more (Service Quotas).")
    if share >= LIMIT_WARNING_PERCENT:
        return warning(name, f"{sentence}: near {known}", "Ask AWS for more (Service Quotas) in good time.")
    return ok(name, f"{sentence}; {known} is far")


def judge_plugin(*, has_sdk: bool, plugin: str | None) -> PlatformFinding:
    """Judge whether Pulumi can reach AWS from this computer; Coffre lets it fetch no plugin by itself."""
    name = "pulumi"
    if not has_sdk:
        return problem(
            name, "Pulumi's SDK for AWS is not installed: `plan` fails", "Install Coffre with its extra `aws`."
        )
    if plugin is None:
        return problem(
            name,
            "Pulumi's plugin for AWS is not on PATH: `plan` fails",
            "Run `pulumi plugin install resource aws VERSION` with the SDK's version, and put the folder of "
            "`pulumi-resource-aws` on PATH.",
        )
    return ok(name, f"Pulumi's SDK and plugin for AWS are installed ({plugin})")


def judge_policy(trial: PolicyTrial) -> PlatformFinding:
    name = "policy"
    wrong = [
        text
        for text, is_wrong in (
            ("the owner cannot delete a version of a machine's object", not trial.owner_may_delete),
            ("a machine cannot write its backups", not trial.machine_may_write),
            ("a machine can delete its backups", trial.machine_may_delete),
            ("a user without a statement can read", trial.stranger_may_read),
        )
        if is_wrong
    ]
    if wrong:
        return problem(name, f"policies do not work as Coffre needs: {'; '.join(wrong)}", "Do not apply a tenant here.")
    return ok(name, "policies work: a machine writes and cannot delete, its owner can, others have no access")


def judge_gate(closed_after_seconds: float | None, waited_seconds: float) -> PlatformFinding:
    name = "gate"
    if closed_after_seconds is None:
        return problem(
            name,
            f"a closed gate did not stop writes within {waited_seconds:.0f} s",
            "Do not apply a tenant here: on AWS the gate is the only limit.",
        )
    if closed_after_seconds > GATE_SECONDS:
        return warning(
            name,
            f"a closed gate takes {closed_after_seconds:.1f} s to stop writes",
            "Backups may exceed the sold quota for that long.",
        )
    return ok(name, f"a closed gate stops writes after {closed_after_seconds:.1f} s")


def judge_latency(median_ms: float) -> PlatformFinding:
    sentence = f"a small call takes {median_ms:.0f} ms (median)"
    if median_ms <= SLOW_MS:
        return ok("latency", sentence)
    return warning("latency", sentence, "Check the network to the region; plan and apply make many small calls.")


def reminders() -> list[PlatformFinding]:
    """What nothing can show from outside."""
    return [
        unknown(
            "hard quota",
            "AWS has none: what arrives between two looks can pass a sold quota",
            "Keep `intake_per_second` of platform.yaml true: the time between looks follows from it.",
        )
    ]


def _some(actions: Collection[str]) -> str:
    """Name some actions, and how many more there are."""
    named = sorted(actions)
    more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
    return f"{', '.join(named[:_NAMED])}{more}"
