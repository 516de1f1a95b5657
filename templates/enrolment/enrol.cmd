@echo off
rem SMILEO : installation de l'agent de sauvegarde sur l'ordinateur "@@{machine}" (client "@@{slug}"), par GPO ou RMM.
rem
rem GPO : Configuration ordinateur, Strategies, Parametres Windows, Scripts, Demarrage. Deposez ce fichier et le fichier
rem .ps1 du meme nom dans le meme dossier, et limitez la GPO a cet ordinateur. Le partage SYSVOL est lisible par tout
rem le domaine : retirez la lecture du .ps1 a tous, sauf aux administrateurs et au compte de cet ordinateur.
rem RMM : lancez ce fichier en tant que SYSTEM, avec le .ps1 a cote de lui.
rem Il peut etre relance a chaque demarrage : une fois l'agent en service, il ne change plus rien.
powershell.exe -NoProfile -NonInteractive -ExecutionPolicy Bypass -File "%~dpn0.ps1"
exit /b %ERRORLEVEL%
