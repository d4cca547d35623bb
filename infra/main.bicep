targetScope = 'subscription'
metadata description = 'Creates Azure Communication Services and the function app that issues its access tokens. No step uses a key.'
import { roles } from 'shared/roles.bicep'

@description('Name of the environment. The resource group is `rg-<name>`.')
param environmentName string
@description('Region of all resources except Communication Services, which is global.')
@metadata({ azd: { type: 'location' } })
param location string
@description('Geography in which Communication Services keeps its data. It can never be changed. Without effect on an existing resource.')
@allowed(['Africa', 'Asia Pacific', 'Australia', 'Brazil', 'Canada', 'Europe', 'France', 'Germany', 'India', 'Japan', 'Korea', 'Norway', 'Switzerland', 'UAE', 'UK', 'United States'])
param dataLocation string
@description('Resource id of an existing Communication Services resource, which is left as it is. Empty creates one.')
param existingCommunicationServicesId string = ''
@description('Id of the role for Communication Services. Empty for Communication and Email Service Owner.')
param communicationRoleId string = ''
@description('Whether the access keys of the new Communication Services resource work, for other clients. The function app uses none.')
param allowAccessKeys bool = false
@description('Whether to assign roles. With false, the output ROLE_ASSIGNMENT_COMMANDS has the commands for someone who may.')
param assignRoles bool = true
@description('Whether delete locks and purge protection keep what cannot be restored. Purge protection cannot be turned off again.')
param protect bool = false
@description('Whether only a virtual network reaches the storage account. Register the provider Microsoft.App before.')
param privateNetwork bool = false
@description('Issuer of the AWS account, for a Lambda function that acts as the identity of the app. Set both or neither.')
param awsLambdaIssuer string = ''
@description('ARN of the IAM role of that Lambda function.')
param awsLambdaRoleArn string = ''
@description('Object id of who runs `acs-tokens directory`. Empty for nobody.')
param operatorId string = ''
@description('Type of the operator.')
@allowed(['User', 'Group', 'ServicePrincipal'])
param operatorType string = 'User'
@description('Email addresses that get alerts, separated by commas. Empty for no alerts.')
param alertEmails string = ''
@description('Origins that may call from a browser, such as https://www.contoso.com, separated by commas.')
param allowedOrigins string = ''
@description('Memory of an instance in MB.')
@allowed([512, 2048, 4096])
param instanceMemoryMB int = 512
@description('Largest number of instances.')
@minValue(1)
@maxValue(1000)
param maximumInstanceCount int = 40
@description('Number of instances that always run and are always paid for. They avoid cold starts.')
param alwaysReadyInstances int = 0
@description('Largest number of requests at once in one instance.')
param perInstanceConcurrency int = 100

// The settings of docs/settings.md. Empty ones are not set.
@description('Whether to create the user directory for guests, also without OIDC_ISSUERS.')
param guests bool = false
@description('OIDC_ISSUERS. Turns on the functions for users, with a user directory. As JSON, escape the quotation marks for azd.')
param oidcIssuers string = ''
@description('OIDC_AUDIENCES')
param oidcAudiences string = ''
@description('OIDC_TENANTS')
param oidcTenants string = ''
@description('OIDC_CLIENTS')
param oidcClients string = ''
@description('OIDC_REQUIRED_SCOPE')
param oidcRequiredScope string = ''
@description('OIDC_ROLES_CLAIM')
param oidcRolesClaim string = ''
@description('OIDC_MANAGE_ROLE')
param oidcManageRole string = ''
@description('TOKEN_POLICY, a JSON object; empty for voip.join and 60 minutes for users')
param tokenPolicy object = {}
@description('RATE_LIMIT')
param rateLimit string = ''
@description('RATE_LIMIT_KEYS')
param rateLimitKeys string = ''
@description('RATE_LIMIT_PASSES')
param rateLimitPasses string = ''
@description('RATE_LIMIT_GUESTS')
param rateLimitGuests string = ''
@description('COMMUNICATION_SERVICES_API_VERSION')
param communicationServicesApiVersion string = ''
@description('RUST_LOG')
param rustLog string = ''
@description('LOG_IDENTITY_IDS')
param logIdentityIds bool = false

var token = uniqueString(subscription().id, environmentName, location)
var tags = { 'azd-env-name': environmentName }
var groupName = 'rg-${environmentName}'
var withUsers = guests || !empty(oidcIssuers)
var createCommunication = empty(existingCommunicationServicesId)
var newCommunicationId = '${subscription().id}/resourceGroups/${groupName}/providers/Microsoft.Communication/communicationServices/acs-${token}'
var communicationId = createCommunication ? newCommunicationId : existingCommunicationServicesId
var communication = split(communicationId, '/')
var communicationRole = empty(communicationRoleId) ? roles.communicationAndEmailServiceOwner : communicationRoleId
var origins = empty(allowedOrigins) ? [] : map(split(allowedOrigins, ','), origin => trim(origin))
var emails = empty(alertEmails) ? [] : map(split(alertEmails, ','), email => trim(email))
var badOrigins = filter(origins, origin => contains(origin, '*') || origin != toLower(origin) || endsWith(origin, '/') || length(split(origin, '/')) != 3)
var context = { token: token, location: location, tags: tags, principalId: identity.outputs.principalId, assignRoles: assignRoles, protect: protect }

resource group 'Microsoft.Resources/resourceGroups@2025-04-01' = {
  name: groupName
  location: location
  tags: tags
}

module identity 'modules/identity.bicep' = {
  scope: group
  params: { name: 'id-${token}', location: location, tags: tags, awsIssuer: awsLambdaIssuer, awsRoleArn: awsLambdaRoleArn }
}

module communicationService 'modules/communication.bicep' = if (createCommunication) {
  scope: group
  params: { context: context, name: last(communication), dataLocation: dataLocation, allowAccessKeys: allowAccessKeys }
}

module access 'modules/communication-access.bicep' = {
  scope: resourceGroup(communication[2], communication[4])
  params: { context: context, name: last(communication), roleId: communicationRole }
  dependsOn: [communicationService]
}

module monitoring 'modules/monitoring.bicep' = {
  scope: group
  params: { context: context, communicationId: communicationId, isNewCommunication: createCommunication, emails: emails }
  dependsOn: [communicationService]
}

module storage 'modules/storage.bicep' = {
  scope: group
  params: { context: context, withUsers: withUsers, privateNetwork: privateNetwork, operatorId: operatorId, operatorType: operatorType }
}

module vault 'modules/vault.bicep' = if (withUsers) {
  scope: group
  params: { context: context }
}

var always = {
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identity.outputs.clientId};Authorization=AAD'
  APPLICATIONINSIGHTS_CONNECTION_STRING: monitoring.outputs.connectionString
  AZURE_CLIENT_ID: identity.outputs.clientId
  AzureWebJobsDisableHomepage: 'true'
  AzureWebJobsStorage__accountName: last(split(storage.outputs.id, '/'))
  AzureWebJobsStorage__clientId: identity.outputs.clientId
  AzureWebJobsStorage__credential: 'managedidentity'
  COMMUNICATION_SERVICES_CREDENTIAL: 'managed-identity'
  COMMUNICATION_SERVICES_ENDPOINT: access.outputs.endpoint
}
var forUsers = withUsers ? { USER_DIRECTORY: storage.outputs.usersUrl, USER_DIRECTORY_KEY: vault!.outputs.keyReference } : {}
var ifGiven = {
  COMMUNICATION_SERVICES_API_VERSION: communicationServicesApiVersion
  LOG_IDENTITY_IDS: logIdentityIds ? 'true' : ''
  OIDC_AUDIENCES: oidcAudiences
  OIDC_CLIENTS: oidcClients
  OIDC_ISSUERS: oidcIssuers
  OIDC_MANAGE_ROLE: oidcManageRole
  OIDC_REQUIRED_SCOPE: oidcRequiredScope
  OIDC_ROLES_CLAIM: oidcRolesClaim
  OIDC_TENANTS: oidcTenants
  RATE_LIMIT: rateLimit
  RATE_LIMIT_GUESTS: rateLimitGuests
  RATE_LIMIT_KEYS: rateLimitKeys
  RATE_LIMIT_PASSES: rateLimitPasses
  RUST_LOG: rustLog
  TOKEN_POLICY: empty(tokenPolicy) ? '' : string(tokenPolicy)
}

module app 'modules/function-app.bicep' = {
  scope: group
  params: {
    context: context
    identityId: identity.outputs.id
    packagesUrl: storage.outputs.packagesUrl
    subnetId: storage.outputs.appSubnetId
    origins: empty(badOrigins) ? origins : fail('allowedOrigins: ${join(badOrigins, ', ')}: write each origin as https://www.contoso.com, in lower case, without *, a path or a final slash.')
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
    alwaysReadyInstances: alwaysReadyInstances
    perInstanceConcurrency: perInstanceConcurrency
    settings: union(always, forUsers, toObject(filter(items(ifGiven), setting => !empty(setting.value)), setting => setting.key, setting => setting.value))
  }
}

var roleAssignments = concat(
  [
    { assignee: identity.outputs.principalId, type: 'ServicePrincipal', role: communicationRole, scope: communicationId }
    { assignee: identity.outputs.principalId, type: 'ServicePrincipal', role: roles.monitoringMetricsPublisher, scope: monitoring.outputs.insightsId }
    { assignee: identity.outputs.principalId, type: 'ServicePrincipal', role: roles.storageBlobDataOwner, scope: storage.outputs.id }
  ],
  withUsers ? [{ assignee: identity.outputs.principalId, type: 'ServicePrincipal', role: roles.keyVaultSecretsUser, scope: vault!.outputs.id }] : [],
  withUsers && !empty(operatorId) ? [{ assignee: operatorId, type: operatorType, role: roles.storageBlobDataContributor, scope: storage.outputs.usersId }] : []
)

@description('Name of the resource group.')
output AZURE_RESOURCE_GROUP string = group.name
@description('Name of the function app.')
output AZURE_FUNCTION_NAME string = app.outputs.name
@description('URL of the function app.')
output SERVICE_API_URI string = app.outputs.url
@description('Endpoint of Communication Services.')
output COMMUNICATION_SERVICES_ENDPOINT string = access.outputs.endpoint
@description('Resource id of Communication Services.')
output COMMUNICATION_SERVICES_ID string = communicationId
@description('Client id of the identity of the function app. azd would take AZURE_CLIENT_ID for its own sign-in.')
output HANDLER_CLIENT_ID string = identity.outputs.clientId
@description('URL of the user directory. Empty without users.')
output USER_DIRECTORY string = storage.outputs.usersUrl
@description('Command that prints the default host key.')
output FUNCTION_KEY_COMMAND string = 'az functionapp keys list --resource-group ${group.name} --name ${app.outputs.name} --query functionKeys.default --output tsv'
@description('Command that issues the first token. It reads the key from FUNCTION_KEY.')
output QUICKSTART_COMMAND string = 'cargo run -- quickstart --url ${app.outputs.url}'
@description('Commands that assign the roles, if assignRoles is false.')
output ROLE_ASSIGNMENT_COMMANDS string[] = assignRoles
  ? []
  : map(roleAssignments, r => 'az role assignment create --assignee-object-id ${r.assignee} --assignee-principal-type ${r.type} --role ${r.role} --scope ${r.scope}')
