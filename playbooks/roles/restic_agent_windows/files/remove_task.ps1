# Ends and deletes a scheduled task that no working agent has removed.
[CmdletBinding(SupportsShouldProcess)]
param([Parameter(Mandatory)][string]$TaskPath, [Parameter(Mandatory)][string]$TaskName)
$ErrorActionPreference = 'Stop'
$task = Get-ScheduledTask -TaskPath $TaskPath -TaskName $TaskName -ErrorAction SilentlyContinue
$Ansible.Changed = $null -ne $task
if (-not $Ansible.Changed -or $Ansible.CheckMode) { return }
$task | Stop-ScheduledTask
$task | Unregister-ScheduledTask -Confirm:$false
