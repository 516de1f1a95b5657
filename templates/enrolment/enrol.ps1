# SMILÉO : installation de l'agent de sauvegarde sur l'ordinateur « @@{machine} » (client « @@{slug} »), Windows.
#
# À lancer en tant qu'administrateur ou SYSTEM, une fois, sur cet ordinateur seulement, par votre outil de
# télédistribution ou ainsi : powershell.exe -NoProfile -ExecutionPolicy Bypass -File ce-fichier
# Il peut être relancé sans risque : il reprend où il s'était arrêté.
# Codes de retour : 0 en service ; 4 refusé, voir le message ; 1 ou 5 à relancer plus tard.
# Ce fichier est confidentiel tant qu'il n'a pas servi : ne l'envoyez à personne d'autre.

#Requires -Version 5.1 -PSEdition Desktop
Set-StrictMode -Version 2
$ErrorActionPreference = 'Stop'
$agentUrl = '@@{agent_url}'
$agentSha256 = '@@{agent_sha256}'
$invitation = '@@{invitation}'
$certificates = @'
@@{certificates}
'@

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

# A 32-bit PowerShell has another ProgramFiles.
$base = $env:ProgramFiles
if (Test-Path Env:ProgramW6432) { $base = $env:ProgramW6432 }
# What a power cut left goes after a day.
Get-ChildItem -LiteralPath $base -Directory -Filter 'Coffre-enrol-*' |
    Where-Object { $_.CreationTimeUtc -lt [DateTime]::UtcNow.AddDays(-1) } |
    Remove-Item -Recurse -Force -ErrorAction SilentlyContinue

# Everything to the system (SY) and to the administrators (BA), nothing to anybody else, from its first moment on.
$access = New-Object Security.AccessControl.DirectorySecurity
$access.SetSecurityDescriptorSddlForm('O:BAD:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)')
$folder = Join-Path $base ('Coffre-enrol-' + [Guid]::NewGuid().ToString('N'))
$code = 1
try {
    [IO.Directory]::CreateDirectory($folder, $access) | Out-Null
    $agent = Join-Path $base 'Coffre\coffre-agent.exe'
    if (-not (Test-Path -LiteralPath $agent) -or (Get-FileHash -LiteralPath $agent -Algorithm SHA256).Hash -ne $agentSha256) {
        $agent = Join-Path $folder 'coffre-agent.exe'
        $authorities = Join-Path $folder 'ca.pem'
        [IO.File]::WriteAllText($authorities, $certificates, [Text.Encoding]::ASCII)
        # The address is a secret: it stands in no process list.
        $OutputEncoding = [Text.Encoding]::ASCII
        'url = "' + $agentUrl + '"' | & $curl -q --silent --show-error --fail --globoff --proto '=https' --ssl-no-revoke `
            --cacert $authorities --connect-timeout 20 --max-time 1800 --max-filesize 268435456 --retry 3 `
            --output $agent --config -
        if ($LASTEXITCODE -ne 0) {
            $code = 5
            throw "L'agent n'a pas pu être téléchargé : vérifiez la connexion Internet, puis relancez ce script ; si cela dure, demandez-en un nouveau à SMILÉO."
        }
        if ((Get-FileHash -LiteralPath $agent -Algorithm SHA256).Hash -ne $agentSha256) {
            $code = 4
            throw "Le programme téléchargé n'est pas l'agent de SMILÉO : rien n'a été installé. Prévenez SMILÉO."
        }
    }
    $OutputEncoding = [Text.Encoding]::ASCII
    [Text.Encoding]::ASCII.GetString([Convert]::FromBase64String($invitation)) | & $agent enrol
    $code = $LASTEXITCODE
} catch {
    [Console]::Error.WriteLine($_.Exception.Message)
} finally {
    Remove-Item -LiteralPath $folder -Recurse -Force -ErrorAction SilentlyContinue
}
exit $code
