# Writes a file that only those of an access list may read, at one go, where content or access differ. The content comes
# in base64 and is never on a disk before its access list is.
[CmdletBinding(SupportsShouldProcess)]
param(
    [Parameter(Mandatory)][string]$Path,
    [Parameter(Mandatory)][string]$Access,
    [Parameter(Mandatory)][securestring]$Content
)
$ErrorActionPreference = 'Stop'
$sections = [System.Security.AccessControl.AccessControlSections]'Owner,Access'
$wanted = [System.Net.NetworkCredential]::new('', $Content).Password

$Ansible.Changed = $true
if (Test-Path -LiteralPath $Path -PathType Leaf) {
    $found = [Convert]::ToBase64String([IO.File]::ReadAllBytes($Path))
    $granted = (Get-Acl -LiteralPath $Path).GetSecurityDescriptorSddlForm($sections).Replace('D:PAI', 'D:P')
    $Ansible.Changed = ($found -cne $wanted) -or ($granted -ne $Access)
}
if (-not $Ansible.Changed -or $Ansible.CheckMode) { return }

$new = "$Path.new"
Remove-Item -LiteralPath $new -Force -ErrorAction SilentlyContinue
New-Item -ItemType File -Path $new | Out-Null
$security = Get-Acl -LiteralPath $new
$security.SetSecurityDescriptorSddlForm($Access, $sections)
Set-Acl -LiteralPath $new -AclObject $security
[IO.File]::WriteAllBytes($new, [Convert]::FromBase64String($wanted))
Move-Item -LiteralPath $new -Destination $Path -Force
