metadata description = 'Creates the storage account of the Functions host, the package and the user directory, and a virtual network for it.'
import { contextType } from '../shared/context.bicep'
import { roles } from '../shared/roles.bicep'

@description('The values that most modules need.')
param context contextType
@description('Whether the account has a container for the user directory.')
param withUsers bool
@description('Whether only the virtual network reaches the account.')
param privateNetwork bool
@description('Object id of the operator of the user directory. Empty for nobody.')
param operatorId string
@description('Type of the operator.')
param operatorType string

var blobDataOwner = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.storageBlobDataOwner)
var blobDataContributor = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.storageBlobDataContributor)
var retention = withUsers ? { enabled: true, days: 30 } : { enabled: false }

resource account 'Microsoft.Storage/storageAccounts@2025-06-01' = {
  name: 'st${context.token}'
  location: context.location
  tags: context.tags
  kind: 'StorageV2'
  sku: { name: 'Standard_LRS' }
  properties: {
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    publicNetworkAccess: privateNetwork ? 'Disabled' : 'Enabled'
    supportsHttpsTrafficOnly: true
  }

  resource blobs 'blobServices' = {
    name: 'default'
    properties: { isVersioningEnabled: withUsers, deleteRetentionPolicy: retention, containerDeleteRetentionPolicy: retention }

    resource packages 'containers' = { name: 'app-package', properties: { publicAccess: 'None' } }

    resource users 'containers' = if (withUsers) { name: 'users', properties: { publicAccess: 'None' } }
  }
}

// Without it, old versions would be kept for good.
resource lifecycle 'Microsoft.Storage/storageAccounts/managementPolicies@2025-06-01' = if (withUsers) {
  parent: account
  name: 'default'
  properties: {
    policy: {
      rules: [
        {
          name: 'delete-old-versions'
          type: 'Lifecycle'
          definition: { filters: { blobTypes: ['blockBlob'] }, actions: { version: { delete: { daysAfterCreationGreaterThan: 30 } } } }
        }
      ]
    }
  }
  dependsOn: [account::blobs]
}

// At the account, because the Functions host creates containers of its own.
resource hostRole 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (context.assignRoles) {
  scope: account
  name: guid(account.id, context.principalId, roles.storageBlobDataOwner)
  properties: { principalId: context.principalId, principalType: 'ServicePrincipal', roleDefinitionId: blobDataOwner }
}

// Not at the account, because the container `azure-webjobs-secrets` has the host keys in clear text.
resource operatorRole 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (context.assignRoles && withUsers && !empty(operatorId)) {
  scope: account::blobs::users
  name: guid(account::blobs::users.id, operatorId, roles.storageBlobDataContributor)
  properties: { principalId: operatorId, principalType: operatorType, roleDefinitionId: blobDataContributor }
}

resource lock 'Microsoft.Authorization/locks@2020-05-01' = if (context.protect) {
  scope: account
  name: 'protect'
  properties: { level: 'CanNotDelete' }
}

resource network 'Microsoft.Network/virtualNetworks@2024-10-01' = if (privateNetwork) {
  name: 'vnet-${context.token}'
  location: context.location
  tags: context.tags
  properties: {
    addressSpace: { addressPrefixes: ['10.0.0.0/24'] }
    subnets: [
      { name: 'app', properties: { addressPrefix: '10.0.0.0/26', delegations: [{ name: 'app', properties: { serviceName: 'Microsoft.App/environments' } }] } }
      { name: 'endpoints', properties: { addressPrefix: '10.0.0.64/27' } }
    ]
  }
}

resource endpoint 'Microsoft.Network/privateEndpoints@2024-10-01' = if (privateNetwork) {
  name: 'pep-${context.token}'
  location: context.location
  tags: context.tags
  properties: {
    subnet: { id: '${network.id}/subnets/endpoints' }
    privateLinkServiceConnections: [{ name: 'blob', properties: { privateLinkServiceId: account.id, groupIds: ['blob'] } }]
  }
}

resource zone 'Microsoft.Network/privateDnsZones@2024-06-01' = if (privateNetwork) {
  name: 'privatelink.blob.${environment().suffixes.storage}'
  location: 'global'
  tags: context.tags
}

resource zoneLink 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = if (privateNetwork) {
  parent: zone
  name: 'app'
  location: 'global'
  properties: { registrationEnabled: false, virtualNetwork: { id: network.id } }
}

resource zoneGroup 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2024-10-01' = if (privateNetwork) {
  parent: endpoint
  name: 'blob'
  properties: { privateDnsZoneConfigs: [{ name: 'blob', properties: { privateDnsZoneId: zone.id } }] }
}

@description('Resource id of the account.')
output id string = account.id
@description('URL of the container for the package.')
output packagesUrl string = '${account.properties.primaryEndpoints.blob}${account::blobs::packages.name}'
@description('URL of the container for the user directory. Empty without users.')
output usersUrl string = withUsers ? '${account.properties.primaryEndpoints.blob}${account::blobs::users.name}' : ''
@description('Resource id of the container for the user directory. Empty without users.')
output usersId string = withUsers ? account::blobs::users.id : ''
@description('Resource id of the subnet of the function app. Empty without a virtual network.')
output appSubnetId string = privateNetwork ? '${network.id}/subnets/app' : ''
