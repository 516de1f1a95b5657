"""Usages, which are late, and reports, which take a while."""

from tests.acronis.calls import Answer, Call, answers
from tests.acronis.refusals import Refused
from tests.acronis.world import Record, World, new_id


@answers("readUsages")
def _read(call: Call) -> Answer:
    found = _list(call.world, call.reach())
    if "usage_names" in call.query:
        found = [each for each in found if each["usage_name"] in call.query["usage_names"].split(",")]
    if "editions" in call.query:
        found = [each for each in found if each["edition"] in call.query["editions"].split(",")]
    return Answer(body={"items": found})


@answers("readUsagesOfTenants")
def _read_several(call: Call) -> Answer:
    tenants = [call.reach(each) for each in call.query["tenants"].split(",")]
    return Answer(body={"items": [{"tenant": each["id"], "usages": _list(call.world, each)} for each in tenants]})


def _list(world: World, tenant: Record) -> list[Record]:
    """Return a tenant's usages as they were the lag ago, one for each offering item that it has."""
    start = world.moment()[:8] + "01T00:00:00+00:00"
    found = []
    for item in tenant["_items"]:
        if item["type"] == "feature":
            continue
        used = world.used(tenant["id"], item["name"], item["infra_id"], late=True)
        of_item = {key: item[key] for key in ("name", "usage_name", "edition", "type", "measurement_unit", "infra_id")}
        found.append(
            of_item
            | {"absolute_value": used, "value": used, "range_start": start}
            | {"offering_item": {"status": item["status"], "quota": item["quota"]}}
            | {"tenant_id": str(tenant["_number"]), "tenant_uuid": tenant["id"]}
        )
    return found


@answers("createReport")
def _create_report(call: Call) -> Answer:
    tenant = call.reach(call.body["parameters"]["tenant_id"])
    report = {"id": new_id(), "tenant_id": tenant["id"], "stored_id": new_id(), "at": call.world.now(), "asked": 0}
    call.world.reports[report["id"]] = report
    return Answer(201, {"id": report["id"]})


def _reach_report(call: Call) -> Record:
    report = call.world.reports.get(call.path["report_id"])
    if report is None:
        raise Refused(404, "The report is not found.")
    call.reach(report["tenant_id"])
    return report


@answers("listStoredReports")
def _list_stored(call: Call) -> Answer:
    report = _reach_report(call)
    report["asked"] += 1
    status = "saved" if report["asked"] > 1 else "pending"
    return Answer(body={"items": [{"id": report["stored_id"], "status": status}]})


@answers("readStoredReport")
def _read_stored(call: Call) -> Answer:
    report, world = _reach_report(call), call.world
    if report["asked"] < 2 or call.path["stored_id"] != report["stored_id"]:
        raise Refused(404, "The report is not stored.")
    lines = ["tenant,name,value"]
    for tenant in world.subtree(report["tenant_id"]):
        lines += [f"{tenant['id']},{each['name']},{each['value']}" for each in _list(world, tenant)]
    return Answer(200, "\n".join(lines).encode(), "application/octet-stream")
