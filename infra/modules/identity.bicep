metadata description = 'Creates the user-assigned identity of the function app.'

@description('Name of the identity.')
param name string
@description('Region of the identity.')
param location string
@description('Tags of the identity.')
param tags object
@description('Issuer of the AWS account. Empty without a Lambda function.')
param awsIssuer string
@description('ARN of the IAM role that acts as this identity. Empty without a Lambda function.')
param awsRoleArn string

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: name
  location: location
  tags: tags
}

resource federation 'Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials@2024-11-30' = if (!empty(awsRoleArn)) {
  parent: identity
  name: 'aws-lambda'
  properties: { issuer: awsIssuer, subject: awsRoleArn, audiences: ['api://AzureADTokenExchange'] }
}

@description('Resource id of the identity.')
output id string = identity.id
@description('Client id of the identity.')
output clientId string = identity.properties.clientId
@description('Object id of the identity, for role assignments.')
output principalId string = identity.properties.principalId
