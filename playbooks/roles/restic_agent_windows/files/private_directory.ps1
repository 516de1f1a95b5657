# Makes a directory that only those of an access list may enter, or puts its access list right.
[CmdletBinding(SupportsShouldProcess)]
param([Parameter(Mandatory)][string]$Path, [Parameter(Mandatory)][string]$Access)
$ErrorActionPreference = 'Stop'
$sections = [System.Security.AccessControl.AccessControlSections]'Owner,Access'
$Ansible.Changed = $false

if (-not (Test-Path -LiteralPath $Path -PathType Container)) {
    $Ansible.Changed = $true
    if ($Ansible.CheckMode) { return }
    # Empty until the access list is right: nothing in it was ever open to anybody.
    New-Item -ItemType Directory -Path $Path | Out-Null
}
$security = Get-Acl -LiteralPath $Path
if ($security.GetSecurityDescriptorSddlForm($sections).Replace('D:PAI', 'D:P') -ne $Access) {
    $Ansible.Changed = $true
    if ($Ansible.CheckMode) { return }
    $security.SetSecurityDescriptorSddlForm($Access, $sections)
    Set-Acl -LiteralPath $Path -AclObject $security
}
