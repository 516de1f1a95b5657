"""Where an agent's installer is: on another host."""

from tests.acronis.calls import Answer, Call, answers

FILES = {
    "windows": "CyberProtect_AgentForWindows_web.exe",
    "linux": "CyberProtect_AgentForLinux_x86_64.bin",
    "apple": "CyberProtect_AgentForMac.dmg",
}
VERSION = "26.2.41800"
FOLDER = f"/download/u/baas/4.0/{VERSION}/"


@answers("findInstaller")
def _find(call: Call) -> Answer:
    target = f"{call.downloads_url}{FOLDER}{FILES[call.query['system']]}"
    return Answer(302, headers={"Location": target})
