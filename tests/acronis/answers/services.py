"""The vendor's services and storages, and which of them a tenant has."""

from tests.acronis.calls import Answer, Call, answers
from tests.acronis.description import NotAsDescribedError
from tests.acronis.refusals import Refused
from tests.acronis.world import PLATFORM


@answers("listServices")
def _list(call: Call) -> Answer:
    return Answer(body={"items": list(call.world.services.values())})


@answers("listServicesOfTenant")
def _list_of_tenant(call: Call) -> Answer:
    return Answer(body={"items": call.reach()["_services"]})


@answers("bindService")
def _bind(call: Call) -> Answer:
    tenant, service = call.reach_to_change(), _check_service(call)
    if service in tenant["_services"]:
        raise Refused(409, "The service is bound already.", code="ALREADY_EXISTS")
    if service not in call.world.tenants[tenant["parent_id"]]["_services"]:
        raise Refused(403, "The parent has no such service.", code="ACCESS_DENIED")
    tenant["_services"].append(service)
    return Answer(204)


@answers("unbindService")
def _unbind(call: Call) -> Answer:
    tenant, service = call.reach_to_change(), _check_service(call)
    if service == PLATFORM:
        raise NotAsDescribedError("the platform is never unbound")
    if service not in tenant["_services"]:
        raise Refused(404, "The service is not bound.")
    tenant["_services"].remove(service)
    return Answer(204)


def _check_service(call: Call) -> str:
    service = call.path["application_id"]
    if service not in call.world.services:
        raise Refused(404, f"Application {service} is not found.")
    return service


@answers("listLocationsOfTenant")
def _list_locations(call: Call) -> Answer:
    call.reach()
    return Answer(body={"items": list(call.world.locations)})


@answers("listInfraOfTenant")
def _list_infra(call: Call) -> Answer:
    call.reach()
    return Answer(body={"items": list(call.world.infra)})


@answers("readLocations")
def _read_locations(call: Call) -> Answer:
    found = [call.world.locations[each] for each in call.query["uuids"].split(",") if each in call.world.locations]
    return Answer(body={"items": found})


@answers("readInfra")
def _read_infra(call: Call) -> Answer:
    found = [call.world.infra[each] for each in call.query["uuids"].split(",") if each in call.world.infra]
    return Answer(body={"items": found})
