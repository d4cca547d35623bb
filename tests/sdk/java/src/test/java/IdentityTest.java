// Tests every operation of azure-communication-identity, with the sync and the async client.

import static com.azure.communication.identity.models.CommunicationTokenScope.CHAT;
import static com.azure.communication.identity.models.CommunicationTokenScope.VOIP;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.azure.communication.common.CommunicationUserIdentifier;
import com.azure.communication.identity.models.CommunicationTokenScope;
import com.azure.communication.identity.models.GetTokenForTeamsUserOptions;
import com.azure.core.credential.AccessToken;
import com.azure.core.exception.HttpResponseException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

@ParameterizedClass
@EnumSource
class IdentityTest {
    @Parameter
    Emulator.Kind kind;

    Emulator.Client acs;

    @BeforeEach
    void reset() throws Exception {
        Emulator.control("POST", "reset", Map.of());
        acs = kind.client();
    }

    /** Asserts that the emulator issued the token for this user, these scopes and this lifetime. */
    static void assertToken(AccessToken token, CommunicationUserIdentifier user, String scopes, int minutes) throws Exception {
        assertEquals("valid", Emulator.tokenStatus(token));
        var claims = Emulator.claims(token.getToken());
        assertEquals(user.getId(), "8:" + claims.get("skypeid"));
        assertEquals(scopes, claims.get("acsScope"));
        assertEquals(minutes * 60, seconds(claims, "exp") - seconds(claims, "iat"));
        assertEquals(seconds(claims, "exp"), token.getExpiresAt().toEpochSecond());
    }

    static long seconds(Map<String, Object> claims, String name) {
        return ((Number) claims.get(name)).longValue();
    }

    @Test
    void createsAnIdentity() throws Exception {
        var user = acs.createUser();
        assertTrue(user.getId().matches("8:acs:[0-9a-f-]{36}_[0-9a-f-]{36}"), user.getId());
        assertEquals(List.of(user.getId()), Emulator.identities());
    }

    @Test
    void createsAnIdentityWithItsFirstToken() throws Exception {
        var created = acs.createUserAndToken(List.of(CHAT, VOIP), null);
        assertToken(created.getUserToken(), created.getUser(), "chat,voip", 1440);
    }

    @ParameterizedTest
    @ValueSource(ints = {60, 1440})
    void issuesTokensWithALifetime(int minutes) throws Exception {
        var lifetime = Duration.ofMinutes(minutes);
        var created = acs.createUserAndToken(List.of(CHAT), lifetime);
        assertToken(created.getUserToken(), created.getUser(), "chat", minutes);
        assertToken(acs.getToken(created.getUser(), List.of(VOIP), lifetime), created.getUser(), "voip", minutes);
    }

    @ParameterizedTest
    @ValueSource(strings = {"chat", "voip"})
    void issuesATokenForAScope(String scope) throws Exception {
        var user = acs.createUser();
        assertToken(acs.getToken(user, List.of(CommunicationTokenScope.fromString(scope)), null), user, scope, 1440);
    }

    @Test
    void revokesExistingTokensNotLaterOnes() throws Exception {
        var created = acs.createUserAndToken(List.of(VOIP), null);
        acs.revokeTokens(created.getUser());
        assertEquals("revoked", Emulator.tokenStatus(created.getUserToken()));
        assertToken(acs.getToken(created.getUser(), List.of(VOIP), null), created.getUser(), "voip", 1440);
    }

    @Test
    void deletesAnIdentityAndItsTokens() throws Exception {
        var created = acs.createUserAndToken(List.of(CHAT), null);
        acs.deleteUser(created.getUser());
        assertEquals("deleted", Emulator.tokenStatus(created.getUserToken()));
        var error = assertThrows(HttpResponseException.class, () -> acs.getToken(created.getUser(), List.of(CHAT), null));
        assertEquals(404, error.getResponse().getStatusCode());
    }

    @Test
    void exchangesATeamsUsersTokenForOneThatExpiresInTheSameSecond() throws Exception {
        var entra = Emulator.entraToken(1800);
        var token = acs.getTokenForTeamsUser(new GetTokenForTeamsUserOptions(entra, Emulator.APP_ID, Emulator.USER_ID));
        assertEquals("valid", Emulator.tokenStatus(token));
        assertEquals(seconds(Emulator.claims(entra), "exp"), seconds(Emulator.claims(token.getToken()), "exp"));
        assertEquals(seconds(Emulator.claims(entra), "exp"), token.getExpiresAt().toEpochSecond());
    }
}
