metadata description = 'Creates the function app on Flex Consumption, with its settings.'
import { contextType } from '../shared/context.bicep'

@description('The values that most modules need.')
param context contextType
@description('Resource id of the identity.')
param identityId string
@description('URL of the container for the package.')
param packagesUrl string
@description('Resource id of the subnet. Empty without a virtual network.')
param subnetId string
@description('Origins that may call from a browser.')
param origins string[]
@description('Memory of an instance in MB.')
param instanceMemoryMB int
@description('Largest number of instances.')
param maximumInstanceCount int
@description('Number of instances that always run.')
param alwaysReadyInstances int
@description('Largest number of requests at once in one instance.')
param perInstanceConcurrency int
@description('App settings. They replace all settings of the app.')
param settings object

resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  name: 'plan-${context.token}'
  location: context.location
  tags: context.tags
  kind: 'functionapp'
  sku: { name: 'FC1', tier: 'FlexConsumption' }
  properties: { reserved: true }
}

resource app 'Microsoft.Web/sites@2025-03-01' = {
  name: 'func-${context.token}'
  location: context.location
  tags: union(context.tags, { 'azd-service-name': 'api' })
  kind: 'functionapp,linux'
  identity: { type: 'UserAssigned', userAssignedIdentities: { '${identityId}': {} } }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    keyVaultReferenceIdentity: identityId
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    siteConfig: { minTlsVersion: '1.2', cors: { allowedOrigins: origins, supportCredentials: false } }
    functionAppConfig: {
      runtime: { name: 'custom', version: '1.0' }
      deployment: {
        storage: { type: 'blobContainer', value: packagesUrl, authentication: { type: 'UserAssignedIdentity', userAssignedIdentityResourceId: identityId } }
      }
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemoryMB
        maximumInstanceCount: maximumInstanceCount
        alwaysReady: alwaysReadyInstances == 0 ? [] : [{ name: 'http', instanceCount: alwaysReadyInstances }]
        triggers: { http: { perInstanceConcurrency: perInstanceConcurrency } }
      }
    }
  }

  resource ftp 'basicPublishingCredentialsPolicies' = { name: 'ftp', properties: { allow: false } }

  resource scm 'basicPublishingCredentialsPolicies' = { name: 'scm', properties: { allow: false } }

  resource appSettings 'config' = { name: 'appsettings', properties: settings }
}

@description('Name of the app.')
output name string = app.name
@description('URL of the app.')
output url string = 'https://${app.properties.defaultHostName}'
