//! The schemas of values whose types are those of `acs-identity` or of the crate `uuid`.

use acs_identity::types::{Scope, TokenLifetime};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        ObjectBuilder, RefOr, Schema,
        schema::{ArrayBuilder, SchemaFormat, Type},
    },
};

/// A list of scopes.
pub(in crate::functions) struct Scopes;

impl PartialSchema for Scopes {
    fn schema() -> RefOr<Schema> {
        let scope = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(Scope::ALL.map(Scope::as_str)));
        let scopes = ArrayBuilder::new().items(scope).min_items(Some(1)).unique_items(true);
        scopes.description(Some("Scopes of an access token, none twice.")).into()
    }
}

impl ToSchema for Scopes {}

/// The lifetime of a token, in minutes.
pub(in crate::functions) struct Lifetime;

impl PartialSchema for Lifetime {
    fn schema() -> RefOr<Schema> {
        let (min, max) = (TokenLifetime::MIN.minutes(), TokenLifetime::MAX.minutes());
        let lifetime = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(min)).maximum(Some(max));
        lifetime.description(Some("The lifetime of a token in minutes.")).into()
    }
}

impl ToSchema for Lifetime {}

/// A GUID with hyphens.
pub(in crate::functions) struct Guid;

impl PartialSchema for Guid {
    fn schema() -> RefOr<Schema> {
        let guid = ObjectBuilder::new().schema_type(Type::String);
        let guid = guid.format(Some(SchemaFormat::Custom("uuid".to_owned())));
        guid.pattern(Some("^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")).into()
    }
}

impl ToSchema for Guid {}

/// The id of a guest pass, in paths.
pub(in crate::functions) struct PassId;

impl PartialSchema for PassId {
    fn schema() -> RefOr<Schema> {
        let id = ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[0-9A-Za-z_-]{36}$"));
        id.description(Some("The id of a guest pass, as create-guest-pass returned it.")).into()
    }
}

impl ToSchema for PassId {}

/// The id of an identity, in paths.
pub(in crate::functions) struct IdentityId;

impl PartialSchema for IdentityId {
    fn schema() -> RefOr<Schema> {
        let id = ObjectBuilder::new().schema_type(Type::String).max_length(Some(acs_identity::IdentityId::MAX_LENGTH));
        let id = id.pattern(Some("^8:(acs|spool|[a-z]+-acs):[0-9A-Za-z-]+(_[0-9A-Za-z-]+)+$"));
        id.description(Some("The id of an identity in ACS, as create-identity returned it.")).into()
    }
}

impl ToSchema for IdentityId {}
