metadata description = 'Creates a Key Vault and, once, the key of the user directory. Nobody sees the key.'
import { contextType } from '../shared/context.bicep'
import { roles } from '../shared/roles.bicep'

@description('The values that most modules need.')
param context contextType
@secure()
@description('First part of a new key. Do not set it.')
param keyStart string = newGuid()
@secure()
@description('Second part of a new key. Do not set it.')
param keyEnd string = newGuid()

var secretsUser = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.keyVaultSecretsUser)

resource vault 'Microsoft.KeyVault/vaults@2025-05-01' = {
  name: 'kv-${context.token}'
  location: context.location
  tags: context.tags
  properties: {
    tenantId: subscription().tenantId
    sku: { family: 'A', name: 'standard' }
    enableRbacAuthorization: true
    accessPolicies: []
    enablePurgeProtection: context.protect ? true : null // Azure refuses `false`.
  }
}

// With another key, no record would be found again and every user would get a new identity.
@onlyIfNotExists()
resource key 'Microsoft.KeyVault/vaults/secrets@2025-05-01' = {
  parent: vault
  name: 'user-directory-key'
  // Both parts are secure, which the linter may not see.
  #disable-next-line use-secure-value-for-secure-inputs
  properties: { value: base64('${keyStart}${keyEnd}') }
}

resource role 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (context.assignRoles) {
  scope: vault
  name: guid(vault.id, context.principalId, roles.keyVaultSecretsUser)
  properties: { principalId: context.principalId, principalType: 'ServicePrincipal', roleDefinitionId: secretsUser }
}

resource lock 'Microsoft.Authorization/locks@2020-05-01' = if (context.protect) {
  scope: vault
  name: 'protect'
  properties: { level: 'CanNotDelete' }
}

@description('Resource id of the vault.')
output id string = vault.id
@description('Key Vault reference that the platform replaces with the key.')
output keyReference string = '@Microsoft.KeyVault(SecretUri=${vault.properties.vaultUri}secrets/${key.name})'
