#!/usr/bin/env bash
# Creates, updates or removes the Entra application for users who sign in. `--help` describes the options.
set -euo pipefail

name=acs-tokens
roles=()
redirects=()
mode=apply

# Ids of the scope and of the role of back ends. They never change, so that a second run updates the first one's.
readonly SCOPE_ID=5a1f6a0e-3c0d-4f0e-9d57-6f2f0c1d7a10
readonly MANAGE_ID=8d6a4c52-1b7e-4a39-8f0c-2e9b7d5c3f41
readonly SCOPE=access_as_user
readonly MANAGE_ROLE=Tokens.Manage
readonly GRAPH=https://graph.microsoft.com/v1.0

usage() {
    cat <<'END'
Usage: infra/app-registration.sh [--name NAME] [--role ROLE]... [--redirect URL]... [--what-if | --remove]

Creates or updates the Entra application that issues tokens to the users of this service, and prints the
`azd env set` lines with its values. It makes no secret. Sign in first: az login

  --name NAME      the name of the application, by default acs-tokens. It is part of the identifier by which a
                   second run finds the application
  --role ROLE      a role of TOKEN_POLICY that users may have; once for each role
  --redirect URL   an address of your page to which users return from signing in; once for each address. The list
                   replaces the one before; without the option, the addresses stay
  --what-if        shows what would change, and changes nothing
  --remove         deletes the application. Entra keeps it for 30 days, in which it can be restored
END
}

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# Runs a command of the Azure CLI. On Windows, it ends lines with CR LF.
azure() {
    az "$@" | tr -d '\r'
}

sha256() {
    if command -v sha256sum >/dev/null; then sha256sum; else shasum --algorithm 256; fi
}

# Prints the id of a role: a UUID of version 8 (RFC 9562, section 5.8) from the hash of its name.
role_id() {
    local hash
    hash=$(printf 'acs-tokens/%s' "$1" | sha256)
    printf '%s-%s-8%s-8%s-%s' "${hash:0:8}" "${hash:8:4}" "${hash:13:3}" "${hash:17:3}" "${hash:20:12}"
}

# Prints an app role: app_role <id> <name> <User or Application> <description>
app_role() {
    printf '{"id":"%s","value":"%s","displayName":"%s","description":"%s","allowedMemberTypes":["%s"],"isEnabled":true}' \
        "$1" "$2" "$2" "$4" "$3"
}

# Joins JSON values, and the items of a JSON array in the first argument, to a JSON array.
json_array() {
    local items=${1#"["} item
    items=${items%"]"}
    [[ $items == *[![:space:]]* ]] || items=
    for item in "${@:2}"; do
        items+=${items:+,}$item
    done
    printf '[%s]' "$items"
}

# Prints the application as Graph takes it: application <other roles> <other scopes>, both JSON arrays
application() {
    local role own redirect addresses=() spa=
    own=("$(app_role "$MANAGE_ID" "$MANAGE_ROLE" Application "Manages the identities and tokens of all users")")
    for role in ${roles[@]+"${roles[@]}"}; do
        own+=("$(app_role "$(role_id "$role")" "$role" User "Users with this role get the tokens that the policy grants it")")
    done
    for redirect in ${redirects[@]+"${redirects[@]}"}; do
        addresses+=("\"$redirect\"")
    done
    [[ ${#addresses[@]} -eq 0 ]] || spa=",\"spa\":{\"redirectUris\":$(json_array '[]' "${addresses[@]}")}"
    local scope="{\"id\":\"$SCOPE_ID\",\"value\":\"$SCOPE\",\"type\":\"User\",\"isEnabled\":true"
    scope+=',"adminConsentDisplayName":"Get access tokens","adminConsentDescription":"Gets the access tokens of the signed-in user"'
    scope+=',"userConsentDisplayName":"Get access tokens","userConsentDescription":"Gets your access tokens for calls and chats"}'
    printf '{"displayName":"%s","signInAudience":"AzureADMyOrg","identifierUris":["%s"],' "$name" "$identifier"
    printf '"api":{"requestedAccessTokenVersion":2,"oauth2PermissionScopes":%s},' "$(json_array "$2" "$scope")"
    printf '"appRoles":%s%s}\n' "$(json_array "$1" "${own[@]}")" "$spa"
}

# Prints the roles or scopes of the application that are not ours: others <property> <its members> <id>...
# Graph rejects their read-only member `origin`.
others() {
    local filter='' id
    for id in "${@:3}"; do
        filter+="${filter:+ && }id != '$id'"
    done
    azure ad app show --id "$client" --query "$1[?$filter].{$2}" --output json
}

# Sends the application to Graph: send <method> <address> <json> [argument]...
send() {
    local file
    file=$(mktemp)
    printf '%s' "$3" >"$file"
    azure rest --method "$1" --url "$GRAPH/$2" --headers Content-Type=application/json --body "@$file" "${@:4}"
    rm "$file"
}

update() {
    local ids=("$MANAGE_ID") role members roles_of_others scopes_of_others
    for role in ${roles[@]+"${roles[@]}"}; do
        ids+=("$(role_id "$role")")
    done
    members='id: id, value: value, displayName: displayName, description: description'
    members+=', allowedMemberTypes: allowedMemberTypes, isEnabled: isEnabled'
    roles_of_others=$(others appRoles "$members" "${ids[@]}")
    members='id: id, value: value, type: type, isEnabled: isEnabled'
    members+=', adminConsentDisplayName: adminConsentDisplayName, adminConsentDescription: adminConsentDescription'
    members+=', userConsentDisplayName: userConsentDisplayName, userConsentDescription: userConsentDescription'
    scopes_of_others=$(others api.oauth2PermissionScopes "$members" "$SCOPE_ID")
    body=$(application "$roles_of_others" "$scopes_of_others")
    if [[ $mode == what-if ]]; then
        printf 'Would update the application %s (%s):\n%s\n' "$name" "$client" "$body"
        return
    fi
    send PATCH "applications/$object" "$body" --output none
    printf 'Updated the application %s (%s)\n' "$name" "$client"
}

create() {
    body=$(application '[]' '[]')
    if [[ $mode == what-if ]]; then
        printf 'Would create the application %s:\n%s\n' "$name" "$body"
        return
    fi
    found=$(send POST applications "$body" --query '[[id, appId]]' --output tsv)
    IFS=$'\t' read -r object client <<<"$found"
    printf 'Created the application %s (%s)\n' "$name" "$client"
}

# Users sign in to, and roles are assigned in, the service principal of the application.
service_principal() {
    local present attempt
    present=$(azure ad sp list --filter "appId eq '$client'" --query '[].id' --output tsv)
    [[ -z $present ]] || return 0
    # Entra copies a new application to all its servers, which takes seconds.
    for attempt in 1 2 3 4 5; do
        azure ad sp create --id "$client" --output none && return 0
        printf 'Attempt %s to create the service principal failed. Trying again in 2 s\n' "$attempt" >&2
        sleep 2
    done
    fail "the service principal of $client was not created; run this script again"
}

remove() {
    if [[ -z $found ]]; then
        printf 'There is no application with the identifier %s\n' "$identifier"
    elif [[ $mode == what-if ]]; then
        printf 'Would delete the application %s (%s)\n' "$name" "$client"
    else
        azure ad app delete --id "$client"
        printf 'Deleted the application %s (%s)\n' "$name" "$client"
    fi
}

needs_value() {
    [[ $# -gt 1 ]] || fail "$1 needs a value"
}

removing=
while [[ $# -gt 0 ]]; do
    case $1 in
    --name) needs_value "$@" && name=$2 && shift ;;
    --role) needs_value "$@" && roles+=("$2") && shift ;;
    --redirect) needs_value "$@" && redirects+=("$2") && shift ;;
    --what-if) mode=what-if ;;
    --remove) removing=yes ;;
    --help) usage && exit ;;
    *) fail "the option $1 is unknown; see --help" ;;
    esac
    shift
done

readonly NAME_PATTERN='^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$' ADDRESS_PATTERN='^(https://|http://localhost[:/])[^[:space:]"\\#*]+$'
for value in "$name" ${roles[@]+"${roles[@]}"}; do
    [[ $value =~ $NAME_PATTERN ]] || fail "the name \`$value\` has a character other than letters, digits, '.', '_' and '-'"
done
for value in ${redirects[@]+"${redirects[@]}"}; do
    [[ $value =~ $ADDRESS_PATTERN ]] || fail "the address \`$value\` is not https, and http is for localhost only"
done
command -v az >/dev/null || fail "the Azure CLI is missing; install it: https://learn.microsoft.com/cli/azure/install-azure-cli"

tenant=$(azure account show --query tenantId --output tsv) || fail "not signed in to Azure; run \`az login\`"
readonly identifier=api://$tenant/$name
found=$(azure ad app list --identifier-uri "$identifier" --query '[].[id, appId]' --output tsv)
IFS=$'\t' read -r object client <<<"$found"

if [[ $removing ]]; then
    remove
    exit
fi
if [[ $found ]]; then update; else create; fi
[[ $mode == apply ]] || exit 0
service_principal

cat <<END

Clients request the scope $identifier/$SCOPE. Set the values of the service:

azd env set OIDC_ISSUERS https://login.microsoftonline.com/$tenant/v2.0
azd env set OIDC_AUDIENCES $client
azd env set OIDC_REQUIRED_SCOPE $SCOPE
END
