# SMILÉO : installation de l'agent Acronis sur l'ordinateur « @@{machine} » (client « @@{slug} »), Windows.
#
# À lancer en tant qu'administrateur ou SYSTEM, une fois, sur cet ordinateur seulement, par votre outil de
# télédistribution ou ainsi : powershell.exe -NoProfile -ExecutionPolicy Bypass -File ce-fichier
# Il n'est plus utilisable après le @@{expires}.
# Codes de retour : 0 installé ; 4 refusé, voir le message ; 1 ou 5 à relancer plus tard.
# Ce fichier est confidentiel jusqu'à cette date : ne l'envoyez à personne d'autre.

#Requires -Version 5.1 -PSEdition Desktop
Set-StrictMode -Version 2
$ErrorActionPreference = 'Stop'
$installerUrl = '@@{installer_url}'
$installerSha256 = '@@{installer_sha256}'
$address = '@@{address}'
$secret = '@@{secret}'
$note = @'
@@{note}
'@
$tool = 'C:\Program Files\BackupClient\RegisterAgentTool\register_agent.exe'

$user = New-Object Security.Principal.WindowsPrincipal ([Security.Principal.WindowsIdentity]::GetCurrent())
if (-not $user.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)) {
    [Console]::Error.WriteLine("Ce script doit être lancé en tant qu'administrateur.")
    exit 4
}
$curl = Join-Path $env:SystemRoot 'System32\curl.exe'
if (-not (Test-Path -LiteralPath $curl)) {
    [Console]::Error.WriteLine('Il manque curl.exe, que Windows 10 a depuis la version 1803 : mettez Windows à jour, puis relancez ce script.')
    exit 4
}

# Everything to the system (SY) and to the administrators (BA), nothing to anybody else, from its first moment on.
$access = New-Object Security.AccessControl.DirectorySecurity
$access.SetSecurityDescriptorSddlForm('O:BAD:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)')
$noteFolder = Join-Path $env:ProgramData 'Coffre-Acronis'
$noteFile = Join-Path $noteFolder 'agent.json'
$folder = Join-Path $env:ProgramData ('Coffre-Acronis-' + [Guid]::NewGuid().ToString('N'))
$code = 1
try {
    # Of another customer, or another machine: nothing is touched.
    if (Test-Path -LiteralPath $noteFile) {
        $held = [IO.File]::ReadAllText($noteFile)
        if (-not ($held.Contains('"tenant_id": "@@{tenant_id}"') -and $held.Contains('"machine": "@@{machine}"'))) {
            $code = 4
            throw "Cet ordinateur a déjà l'agent d'un autre ordinateur ou d'un autre client : rien n'a été installé. Prévenez SMILÉO."
        }
    }
    [IO.Directory]::CreateDirectory($folder, $access) | Out-Null
    $installer = Join-Path $folder 'installer.exe'
    & $curl -q --silent --show-error --fail --location --max-redirs 5 --globoff --proto '=https' --ssl-no-revoke `
        --connect-timeout 20 --max-time 3600 --max-filesize 4294967296 --retry 3 --output $installer $installerUrl
    if ($LASTEXITCODE -ne 0) {
        $code = 5
        throw "L'installateur n'a pas pu être téléchargé : vérifiez la connexion Internet, puis relancez ce script."
    }
    if ((Get-FileHash -LiteralPath $installer -Algorithm SHA256).Hash -ne $installerSha256) {
        $code = 4
        throw "Le programme téléchargé n'est pas celui que SMILÉO a choisi : rien n'a été installé. Prévenez SMILÉO."
    }
    # Without a registration: the installer's command line and log have no token.
    $arguments = '--quiet', '--add-components=@@{components}', '--registration=@@{registration}', "--log-dir=$folder\log"
    $ended = Start-Process -FilePath $installer -ArgumentList $arguments -Wait -PassThru
    if (@(0, @@{reboot_codes}) -notcontains $ended.ExitCode) {
        throw "L'installateur d'Acronis s'est terminé par une erreur (code $($ended.ExitCode)) : relancez ce script ; si cela dure, prévenez SMILÉO."
    }
    # Acronis' tool takes the token on its command line only, which administrators alone can read here.
    foreach ($seconds in 5, 10, 20, 40, 60, 0) {
        $ErrorActionPreference = 'Continue'
        $said = (& $tool -o register -t cloud -a $address --token $secret 2>&1 | Out-String).Replace($secret, '***')
        $ErrorActionPreference = 'Stop'
        if ($LASTEXITCODE -eq 0) { break }
        Start-Sleep -Seconds $seconds
    }
    if ($LASTEXITCODE -ne 0) {
        [Console]::Error.WriteLine($said)
        throw "L'ordinateur n'a pas pu être enregistré chez Acronis : relancez ce script ; si cela dure, prévenez SMILÉO."
    }
    if (-not (Test-Path -LiteralPath $noteFolder)) { [IO.Directory]::CreateDirectory($noteFolder, $access) | Out-Null }
    [IO.File]::WriteAllText($noteFile, $note, [Text.Encoding]::ASCII)
    $code = 0
} catch {
    [Console]::Error.WriteLine($_.Exception.Message)
} finally {
    Remove-Item -LiteralPath $folder -Recurse -Force -ErrorAction SilentlyContinue
}
exit $code
