# Says in lines what the machine has of the agent, the same lines as on Linux. What to look at comes as JSON on its input.
$ErrorActionPreference = 'Stop'
$asked = [Console]::In.ReadToEnd() | ConvertFrom-Json

function Read-Beginning([string]$Path) {
    if (-not (Test-Path -LiteralPath $Path -PathType Leaf)) { return $null }
    $buffer = [byte[]]::new(4096)
    $stream = [IO.File]::OpenRead($Path)
    try { $count = $stream.Read($buffer, 0, $buffer.Length) } finally { $stream.Dispose() }
    return [Text.Encoding]::UTF8.GetString($buffer, 0, $count) -replace '[\r\n]', ''
}

$lines = @("host: $([Net.Dns]::GetHostName())")
$there = @($asked.services | Where-Object { Get-Service -Name $_ -ErrorAction SilentlyContinue })
if (Test-Path -LiteralPath $asked.register_tool) { $lines += 'agent: whole' }
elseif ($there.Count -gt 0) { $lines += 'agent: parts' }
foreach ($service in $there) {
    if ((Get-Service -Name $service).Status -ne 'Running') { $lines += "stopped: $service" }
}
$note = Read-Beginning "$($asked.note_directory)\agent.json"
if ($null -ne $note) { $lines += "note: $note" }
$open = Read-Beginning "$($asked.open_directory)\agent.json"
if ($null -ne $open) { $lines += "open agent: $open" }
$lines
