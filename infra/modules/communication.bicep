metadata description = 'Creates the Communication Services resource.'
import { contextType } from '../shared/context.bicep'

@description('The values that most modules need.')
param context contextType
@description('Name of the resource.')
param name string
@description('Geography in which the resource keeps its data.')
param dataLocation string
@description('Whether the access keys of the resource work.')
param allowAccessKeys bool

resource communication 'Microsoft.Communication/communicationServices@2025-09-01' = {
  name: name
  location: 'global'
  tags: context.tags
  properties: { dataLocation: dataLocation, disableLocalAuth: !allowAccessKeys }
}

resource lock 'Microsoft.Authorization/locks@2020-05-01' = if (context.protect) {
  scope: communication
  name: 'protect'
  properties: { level: 'CanNotDelete' }
}
