<#
.SYNOPSIS
Creates, updates or removes the Entra application for users who sign in, as infra/app-registration.sh does.

.DESCRIPTION
Prints the `azd env set` lines with the values of the application. It makes no secret. Sign in first: az login

.PARAMETER Name
The name of the application. It is part of the identifier by which a second run finds the application.
.PARAMETER Role
The roles of TOKEN_POLICY that users may have.
.PARAMETER Redirect
The addresses of your page to which users return from signing in. The list replaces the one before; without the
parameter, the addresses stay.
.PARAMETER WhatIf
Shows what would change, and changes nothing.
.PARAMETER Remove
Deletes the application. Entra keeps it for 30 days, in which it can be restored.

.EXAMPLE
infra/app-registration.ps1 -Role employee, guest -Redirect https://app.contoso.com/signed-in
#>
#Requires -Version 7.2
param(
    [ValidatePattern('^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$')]
    [string] $Name = 'acs-tokens',
    [ValidatePattern('^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$')]
    [string[]] $Role = @(),
    [ValidatePattern('^(https://|http://localhost[:/])[^\s"\\#*]+$')]
    [string[]] $Redirect = @(),
    [switch] $WhatIf,
    [switch] $Remove
)

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

# Ids of the scope and of the role of back ends, as in app-registration.sh.
$scopeId = '5a1f6a0e-3c0d-4f0e-9d57-6f2f0c1d7a10'
$manageId = '8d6a4c52-1b7e-4a39-8f0c-2e9b7d5c3f41'
$scope = 'access_as_user'
$manageRole = 'Tokens.Manage'
$graph = 'https://graph.microsoft.com/v1.0'

# Runs a command of the Azure CLI and returns its JSON.
function Invoke-Azure {
    $text = & az @args --output json
    if ($LASTEXITCODE -ne 0) {
        throw "The command 'az $($args[0]) $($args[1])' failed; its message is above. If you are not signed in, run: az login"
    }
    if ($text) { $text | Out-String | ConvertFrom-Json }
}

# Sends the application to Graph. A file avoids the quoting rules of Windows.
function Send-Application([string] $Method, [string] $Address, $Body) {
    $file = New-TemporaryFile
    try {
        ConvertTo-Json $Body -Depth 10 -Compress | Set-Content -Path $file -NoNewline -Encoding utf8NoBOM
        Invoke-Azure rest --method $Method --url "$graph/$Address" --headers Content-Type=application/json --body "@$file"
    }
    finally {
        Remove-Item $file
    }
}

# Returns the id of a role: a UUID of version 8 (RFC 9562, section 5.8) from the hash of its name.
function Get-RoleId([string] $Value) {
    $hash = [System.Security.Cryptography.SHA256]::HashData([System.Text.Encoding]::UTF8.GetBytes("acs-tokens/$Value"))
    $hex = [System.Convert]::ToHexString($hash).ToLowerInvariant()
    '{0}-{1}-8{2}-8{3}-{4}' -f $hex.Substring(0, 8), $hex.Substring(8, 4), $hex.Substring(13, 3), $hex.Substring(17, 3), $hex.Substring(20, 12)
}

function Get-AppRole([string] $Id, [string] $Value, [string] $Member, [string] $Description) {
    @{
        id = $Id; value = $Value; displayName = $Value; description = $Description
        allowedMemberTypes = @($Member); isEnabled = $true
    }
}

# Returns some members of each item whose id is not ours. Graph rejects the read-only member `origin`.
function Select-Others($Items, [string[]] $Ids, [string[]] $Members) {
    @($Items | Where-Object { $_ -and $_.id -notin $Ids } | Select-Object -Property $Members)
}

# Returns the application as Graph takes it, with the roles and scopes that others added.
function Get-Application($Present) {
    $roles = @(Get-AppRole $manageId $manageRole 'Application' 'Manages the identities and tokens of all users')
    foreach ($value in $Role) {
        $roles += Get-AppRole (Get-RoleId $value) $value 'User' 'Users with this role get the tokens that the policy grants it'
    }
    $scopes = @(@{
            id = $scopeId; value = $scope; type = 'User'; isEnabled = $true
            adminConsentDisplayName = 'Get access tokens'; adminConsentDescription = 'Gets the access tokens of the signed-in user'
            userConsentDisplayName = 'Get access tokens'; userConsentDescription = 'Gets your access tokens for calls and chats'
        })
    if ($Present) {
        $members = 'id', 'value', 'displayName', 'description', 'allowedMemberTypes', 'isEnabled'
        $roles = @(Select-Others $Present.appRoles $roles.id $members) + $roles
        $members = 'id', 'value', 'type', 'isEnabled', 'adminConsentDisplayName', 'adminConsentDescription',
            'userConsentDisplayName', 'userConsentDescription'
        $scopes = @(Select-Others $Present.api.oauth2PermissionScopes @($scopeId) $members) + $scopes
    }
    $body = @{
        displayName = $Name
        signInAudience = 'AzureADMyOrg'
        identifierUris = @($identifier)
        api = @{ requestedAccessTokenVersion = 2; oauth2PermissionScopes = @($scopes) }
        appRoles = @($roles)
    }
    if ($Redirect) { $body.spa = @{ redirectUris = @($Redirect) } }
    $body
}

# Users sign in to, and roles are assigned in, the service principal of the application.
function Add-ServicePrincipal([string] $Client) {
    if (Invoke-Azure ad sp list --filter "appId eq '$Client'") { return }
    # Entra copies a new application to all its servers, which takes seconds.
    foreach ($attempt in 1..5) {
        & az ad sp create --id $Client --output none
        if ($LASTEXITCODE -eq 0) { return }
        Write-Warning "Attempt $attempt to create the service principal failed. Trying again in 2 s"
        Start-Sleep -Seconds 2
    }
    throw "The service principal of $Client was not created; run this script again"
}

$tenant = (Invoke-Azure account show).tenantId
$identifier = "api://$tenant/$Name"
$present = @(Invoke-Azure ad app list --identifier-uri $identifier) | Select-Object -First 1

if ($Remove) {
    if (-not $present) { "There is no application with the identifier $identifier" }
    elseif ($WhatIf) { "Would delete the application $Name ($($present.appId))" }
    else {
        Invoke-Azure ad app delete --id $present.appId
        "Deleted the application $Name ($($present.appId))"
    }
    return
}

$body = Get-Application $present
if ($WhatIf) {
    if ($present) { "Would update the application $Name ($($present.appId)):" } else { "Would create the application ${Name}:" }
    ConvertTo-Json $body -Depth 10
    return
}
if ($present) {
    Send-Application PATCH "applications/$($present.id)" $body
    "Updated the application $Name ($($present.appId))"
}
else {
    $present = Send-Application POST applications $body
    "Created the application $Name ($($present.appId))"
}
Add-ServicePrincipal $present.appId

@"

Clients request the scope $identifier/$scope. Set the values of the service:

azd env set OIDC_ISSUERS https://login.microsoftonline.com/$tenant/v2.0
azd env set OIDC_AUDIENCES $($present.appId)
azd env set OIDC_REQUIRED_SCOPE $scope
"@
