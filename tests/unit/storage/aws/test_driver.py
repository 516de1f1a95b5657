"""Amazon S3 as a kind of platform, without the extra that brings its resources."""

from pathlib import Path

import pytest

from coffre.errors import ExpectedError
from coffre.storage.aws import driver
from coffre.storage.platform import placeholder_keys
from tests.builders import tenant_with
from tests.integration.storage.aws.world import make_platform


def test_without_its_extra_a_stack_is_refused_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    tenant, platform = tenant_with(), make_platform()
    keys = placeholder_keys(tenant, tenant.machines)
    assert driver.AwsDriver().declare(tenant, platform, Path(), keys).storage.account == platform.account
    monkeypatch.setattr(driver, "find_spec", lambda name: None)
    with pytest.raises(ExpectedError, match="without the resources of AWS") as refused:
        driver.AwsDriver().declare(tenant, platform, Path(), keys)
    assert "coffre[aws]" in refused.value.hint
