metadata description = 'Creates Log Analytics, Application Insights, the log of Communication Services, and alerts.'
import { contextType } from '../shared/context.bicep'
import { roles } from '../shared/roles.bicep'

@description('The values that most modules need.')
param context contextType
@description('Resource id of Communication Services.')
param communicationId string
@description('Whether the resource is new. An existing one keeps its own log settings.')
param isNewCommunication bool
@description('Email addresses that get alerts. Empty for no alerts.')
param emails string[]

var metricsPublisher = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.monitoringMetricsPublisher)
var lines = 'AppTraces | extend line = parse_json(Message)' // docs/operations.md describes the fields of a line.
var requests = '${lines} | where isnotnull(line.duration_ms) | summarize total = count()'
var logQueries = {
  'error-logged': '${lines} | where line.level == "ERROR"'
  'many-failures': '${requests}, failed = countif(toint(line.status) >= 500) | where failed > 5 and failed * 20 > total'
  'slow-requests': '${requests}, p95 = percentile(todouble(line.duration_ms), 95) | where total > 20 and p95 > 2000'
  'log-cap-reached': '_LogOperation | where Category =~ "Ingestion" | where Detail contains "OverQuota"'
}
var communicationMetrics = {
  'acs-limit-reached': [{ name: 'StatusCode', operator: 'Include', values: ['429'] }]
  // ACS counts the readiness check as 401: it revokes tokens of an identity that does not exist.
  'acs-access-denied': [{ name: 'StatusCode', operator: 'Include', values: ['401'] }, { name: 'Operation', operator: 'Exclude', values: ['RevokeToken'] }]
}

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-07-01' = {
  name: 'log-${context.token}'
  location: context.location
  tags: context.tags
  properties: { sku: { name: 'PerGB2018' }, retentionInDays: 30, workspaceCapping: { dailyQuotaGb: 1 }, features: { disableLocalAuth: true } }
}

resource insights 'Microsoft.Insights/components@2020-02-02' = {
  name: 'appi-${context.token}'
  location: context.location
  tags: context.tags
  kind: 'web'
  properties: { Application_Type: 'web', WorkspaceResourceId: workspace.id, DisableLocalAuth: true }
}

resource role 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (context.assignRoles) {
  scope: insights
  name: guid(insights.id, context.principalId, roles.monitoringMetricsPublisher)
  properties: { principalId: context.principalId, principalType: 'ServicePrincipal', roleDefinitionId: metricsPublisher }
}

resource communication 'Microsoft.Communication/communicationServices@2025-09-01' existing = if (isNewCommunication) {
  name: last(split(communicationId, '/'))
}

resource authenticationLog 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = if (isNewCommunication) {
  scope: communication
  name: 'authentication'
  properties: { workspaceId: workspace.id, logs: [{ category: 'AuthOperational', enabled: true }] }
}

resource operators 'Microsoft.Insights/actionGroups@2023-01-01' = if (!empty(emails)) {
  name: 'ag-${context.token}'
  location: 'global'
  tags: context.tags
  properties: {
    groupShortName: 'acs-tokens'
    enabled: true
    emailReceivers: [for email in emails: { name: email, emailAddress: email, useCommonAlertSchema: true }]
  }
}

resource logRules 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [
  for alert in items(logQueries): if (!empty(emails)) {
    name: 'alert-${alert.key}-${context.token}'
    location: context.location
    tags: context.tags
    properties: {
      severity: 1
      enabled: true
      scopes: [workspace.id]
      evaluationFrequency: 'PT15M'
      windowSize: 'PT30M' // Lines arrive minutes late, so windows overlap.
      skipQueryValidation: true // A new workspace has no tables yet.
      autoMitigate: true
      criteria: { allOf: [{ query: alert.value, timeAggregation: 'Count', operator: 'GreaterThan', threshold: 0 }] }
      actions: { actionGroups: [operators.id] }
    }
  }
]

resource metricRules 'Microsoft.Insights/metricAlerts@2018-03-01' = [
  for alert in items(communicationMetrics): if (!empty(emails)) {
    name: 'alert-${alert.key}-${context.token}'
    location: 'global'
    tags: context.tags
    properties: {
      severity: 1
      enabled: true
      scopes: [communicationId]
      evaluationFrequency: 'PT5M'
      windowSize: 'PT5M'
      autoMitigate: true
      criteria: {
        'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
        allOf: [
          {
            name: alert.key
            criterionType: 'StaticThresholdCriterion'
            metricName: 'APIRequestAuthentication'
            timeAggregation: 'Count'
            operator: 'GreaterThan'
            threshold: 0
            dimensions: alert.value
            skipMetricValidation: true // A new resource has no values yet.
          }
        ]
      }
      actions: [{ actionGroupId: operators.id }]
    }
  }
]

@description('Resource id of Application Insights.')
output insightsId string = insights.id
@description('Connection string of Application Insights. It is no secret, because keys are turned off.')
output connectionString string = insights.properties.ConnectionString
