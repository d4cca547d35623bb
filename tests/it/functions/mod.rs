//! The functions, one file each: happy paths and every refusal, by exact status and body.

mod common;
mod create_identity;
mod delete_identity;
mod delete_me;
mod exchange_teams_token;
mod health;
mod issue_token;
mod my_teams_token;
mod my_token;
mod others;
mod revoke_my_tokens;
mod revoke_tokens;
