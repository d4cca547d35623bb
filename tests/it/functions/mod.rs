//! The functions, one file each: happy paths and every refusal, by exact status and body.

mod common;
mod create_identity;
mod custom_ids;
mod delete_identity;
mod exchange_teams_token;
mod get_identity;
mod health;
mod issue_token;
mod revoke_tokens;
