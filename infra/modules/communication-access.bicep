metadata description = 'Lets the identity use a Communication Services resource, and changes nothing else of it.'
import { contextType } from '../shared/context.bicep'

@description('The values that most modules need.')
param context contextType
@description('Name of the Communication Services resource.')
param name string
@description('Id of the role to assign.')
param roleId string

var roleDefinitionId = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleId)

resource communication 'Microsoft.Communication/communicationServices@2025-09-01' existing = {
  name: name
}

resource role 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (context.assignRoles) {
  scope: communication
  name: guid(communication.id, context.principalId, roleId)
  properties: { principalId: context.principalId, principalType: 'ServicePrincipal', roleDefinitionId: roleDefinitionId }
}

@description('Endpoint. The host name of a new resource contains the data location, so it does not follow from the name.')
output endpoint string = 'https://${communication.properties.hostName}'
