//! Calls that create, check and revoke access tokens.

use tracklite::ErrorKind;
use tracklite::token::{TokenId, TokenScope};
use tracklite_fuzz::{Choices, ModelToken};

use super::{VALUES, World, expect_error};

impl World {
    pub(super) fn change_tokens(&mut self, choices: &mut Choices<'_>) {
        match choices.below(4) {
            0 | 1 => self.create_token(choices),
            2 => self.revoke_token(choices),
            _ => self.check_wrong_token(choices),
        }
    }

    fn create_token(&mut self, choices: &mut Choices<'_>) {
        let (user, scope) = (VALUES[choices.below(VALUES.len())], choices.below(3));
        let token = self.database.new_token().user(user).scope(TokenScope::ALL[scope]);
        let created = token.comment(user).create();
        if user.is_empty() || user.contains('\n') {
            return expect_error(created, ErrorKind::InvalidInput);
        }
        let (info, text) = created.expect("create a token");
        let text = text.as_str().to_owned();
        self.model.tokens.push(ModelToken { info, text, is_revoked: false });
    }

    fn revoke_token(&mut self, choices: &mut Choices<'_>) {
        if self.model.tokens.is_empty() || choices.byte() < 20 {
            let unknown = self.database.revoke_token(TokenId::from_bits(0));
            return expect_error(unknown, ErrorKind::NotFound);
        }
        let place = choices.below(self.model.tokens.len());
        let token = &mut self.model.tokens[place];
        self.database.revoke_token(token.info.id).expect("revoke a token");
        token.is_revoked = true;
    }

    /// Changes one byte of a token to any ASCII character.
    fn check_wrong_token(&mut self, choices: &mut Choices<'_>) {
        if self.model.tokens.is_empty() {
            return;
        }
        let text = &self.model.tokens[choices.below(self.model.tokens.len())].text;
        let mut bytes = text.clone().into_bytes();
        let place = choices.below(bytes.len());
        bytes[place] = choices.byte() & 0x7f;
        let wrong = String::from_utf8(bytes).expect("the text is ASCII");
        if !self.model.tokens.iter().any(|token| token.text == wrong) {
            expect_error(self.database.check_token(&wrong), ErrorKind::Unauthenticated);
        }
    }
}
