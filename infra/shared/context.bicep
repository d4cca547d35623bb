@export()
@description('The values that most modules need.')
type contextType = {
  @minLength(13)
  @maxLength(13)
  token: string // Suffix of the names, unique to the subscription, the environment and the region.
  location: string
  tags: object
  principalId: string // Object id of the identity of the function app.
  assignRoles: bool
  protect: bool // Whether locks forbid the deletion of what cannot be restored.
}
