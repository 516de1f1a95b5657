# Ends the agent's registration and uninstalls it by its product code.
[CmdletBinding(SupportsShouldProcess)]
param(
    [Parameter(Mandatory)][string]$RegisterTool,
    [Parameter(Mandatory)][string]$Product,
    [Parameter(Mandatory)][int[]]$RebootCodes
)
$ErrorActionPreference = 'Stop'
$keys = 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall', 'HKLM:\SOFTWARE\WOW6432Node\Microsoft\Windows\CurrentVersion\Uninstall'
$codes = @(Get-ChildItem -LiteralPath $keys -ErrorAction SilentlyContinue |
    Where-Object { $_.GetValue('DisplayName') -eq $Product -and $_.PSChildName -match '^\{[0-9A-Fa-f-]{36}\}$' } |
    ForEach-Object PSChildName | Select-Object -Unique)
$Ansible.Changed = $codes.Count -gt 0 -or (Test-Path -LiteralPath $RegisterTool)
if (-not $Ansible.Changed -or $Ansible.CheckMode) { return }
if (Test-Path -LiteralPath $RegisterTool) {
    # A damaged tool must not keep the rest from being removed.
    $ErrorActionPreference = 'Continue'
    & $RegisterTool -o unregister 2>&1 | Out-Null
    $ErrorActionPreference = 'Stop'
}
foreach ($code in $codes) {
    $arguments = '/x', $code, '/qn', 'REBOOT=ReallySuppress', 'DELETE_ALL_SETTINGS=1'
    $ended = Start-Process -FilePath "$env:SystemRoot\System32\msiexec.exe" -ArgumentList $arguments -Wait -PassThru
    # 1605: it is not installed.
    if ($ended.ExitCode -notin @(0, 1605) + $RebootCodes) { throw "msiexec ended with code $($ended.ExitCode)" }
}
if (Test-Path -LiteralPath $RegisterTool) {
    throw "$Product is still there: remove it in Control Panel"
}
