# Checks the installer and runs it, unregistered: its command line and its log have no token then.
[CmdletBinding()]
param(
    [Parameter(Mandatory)][string]$Folder,
    [Parameter(Mandatory)][string]$Sha256,
    [Parameter(Mandatory)][string]$Components,
    [Parameter(Mandatory)][string]$Registration,
    [Parameter(Mandatory)][int[]]$RebootCodes
)
$ErrorActionPreference = 'Stop'
$installer = "$Folder\installer.exe"
$found = (Get-FileHash -LiteralPath $installer -Algorithm SHA256).Hash
if ($found -ne $Sha256) { throw "the installer arrived with the SHA-256 $found, expected ${Sha256}: nothing was changed" }
$arguments = @('--quiet', "--add-components=$Components", "--registration=$Registration", "--log-dir=$Folder\log")
$ended = Start-Process -FilePath $installer -ArgumentList $arguments -Wait -PassThru
if ($ended.ExitCode -ne 0 -and $RebootCodes -notcontains $ended.ExitCode) {
    $log = Get-ChildItem -LiteralPath "$Folder\log" -Recurse -File -ErrorAction SilentlyContinue |
        Sort-Object LastWriteTime | Select-Object -Last 1
    $said = if ($null -ne $log) { (Get-Content -LiteralPath $log.FullName -Tail 20) -join "`n" } else { 'no log' }
    throw "the installer ended with code $($ended.ExitCode): $said"
}
