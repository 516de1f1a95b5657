"""What documents state of Acronis' agent."""

from coffre.agents.statement import VendorStatement

STATEMENT = VendorStatement(editor="Acronis", product="Acronis Cyber Protect", guide="docs/acronis.md")
