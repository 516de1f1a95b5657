# Gives a program that was sent as NAME.new its place, once its SHA-256 is seen to be right.
[CmdletBinding()]
param([Parameter(Mandatory)][string]$Path, [Parameter(Mandatory)][string]$Sha256)
$ErrorActionPreference = 'Stop'
$new = "$Path.new"
$old = "$Path.old"

$found = (Get-FileHash -LiteralPath $new -Algorithm SHA256).Hash
if ($found -ne $Sha256) {
    Remove-Item -LiteralPath $new -Force
    throw "$Path arrived with the SHA-256 $found, expected ${Sha256}: nothing was changed"
}
# Windows lets a running program be renamed, and not be overwritten.
if (Test-Path -LiteralPath $Path) { Move-Item -LiteralPath $Path -Destination $old -Force }
Move-Item -LiteralPath $new -Destination $Path
Remove-Item -LiteralPath $old -Force -ErrorAction SilentlyContinue
