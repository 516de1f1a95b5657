# Gives the beginning of a plain file, or nothing when there is none.
[CmdletBinding()]
param(
    [Parameter(Mandatory)][string]$Path
)
$ErrorActionPreference = 'Stop'
$Ansible.Changed = $false
$Ansible.Result = ''
if (Test-Path -LiteralPath $Path -PathType Leaf) {
    $buffer = [byte[]]::new(65536)
    $stream = [IO.File]::OpenRead($Path)
    try { $count = $stream.Read($buffer, 0, $buffer.Length) } finally { $stream.Dispose() }
    $Ansible.Result = [Text.Encoding]::UTF8.GetString($buffer, 0, $count)
}
