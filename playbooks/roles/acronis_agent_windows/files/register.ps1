# Registers the agent. The vendor's tool takes the token on its command line only, which administrators alone can read
# here; it is this machine's own and deleted right after. What the tool says goes without it. The result is why it failed.
[CmdletBinding()]
param(
    [Parameter(Mandatory)][string]$Tool,
    [Parameter(Mandatory)][string]$Address,
    [Parameter(Mandatory)][securestring]$Secret
)
$ErrorActionPreference = 'Stop'
$encoded = [System.Net.NetworkCredential]::new('', $Secret).Password
$token = [Text.Encoding]::ASCII.GetString([Convert]::FromBase64String($encoded))
$Ansible.Result = 'the tool of the vendor that registers a machine is not there'
if (-not (Test-Path -LiteralPath $Tool)) { return }
# An agent that was just installed takes some time until it can be registered.
foreach ($seconds in 5, 10, 20, 40, 60, 0) {
    $ErrorActionPreference = 'Continue'
    $said = (& $Tool -o register -t cloud -a $Address --token $token 2>&1 | Out-String).Replace($token, '***')
    $ErrorActionPreference = 'Stop'
    $Ansible.Result = ''
    if ($LASTEXITCODE -eq 0) { return }
    $Ansible.Result = "the registration ended with code ${LASTEXITCODE}: $said"
    if ($said -match 'already registered in a different tenant') { return }
    Start-Sleep -Seconds $seconds
}
