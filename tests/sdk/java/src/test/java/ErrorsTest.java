// Tests errors as the SDK reports them: status, code and message of ACS, see tests/recorded.

import static com.azure.communication.identity.models.CommunicationTokenScope.CHAT;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.azure.communication.common.CommunicationUserIdentifier;
import com.azure.communication.identity.CommunicationIdentityClientBuilder;
import com.azure.communication.identity.models.CommunicationTokenScope;
import com.azure.communication.identity.models.GetTokenForTeamsUserOptions;
import com.azure.communication.identity.models.IdentityErrorResponseException;
import com.azure.core.credential.AzureKeyCredential;
import com.azure.core.exception.HttpResponseException;
import com.azure.core.http.policy.FixedDelayOptions;
import com.azure.core.http.policy.RetryOptions;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

@ParameterizedClass
@EnumSource
class ErrorsTest {
    private static final String OTHER = "11111111-2222-4333-8444-555555555555";
    private static final CommunicationUserIdentifier FOREIGN = new CommunicationUserIdentifier(
        "8:acs:00000000-0000-0000-0000-000000000000_00000000-0000-0000-0000-000000000000");

    @Parameter
    Emulator.Kind kind;

    Emulator.Client acs;

    @BeforeEach
    void reset() throws Exception {
        Emulator.control("POST", "reset", Map.of());
        acs = kind.client();
    }

    /** Asserts that a call fails with this error. Only the async client has a public exception with code and message. */
    static void assertRejected(int status, String code, String message, String target, Executable call) {
        var error = assertThrows(HttpResponseException.class, call);
        assertEquals(status, error.getResponse().getStatusCode());
        if (error instanceof IdentityErrorResponseException identityError) {
            var value = identityError.getValue();
            assertEquals(List.of(code, message), List.of(value.getCode(), value.getMessage()));
        }
        var wire = new HashMap<>(Map.of("code", code, "message", message));
        if (target != null) {
            wire.put("target", target);
        }
        assertEquals(Map.of("error", wire), Emulator.json(error.getResponse().getBodyAsString().block()));
    }

    @Test
    void theAsyncClientHasAnExceptionOfItsOwn() {
        var error = assertThrows(HttpResponseException.class, () -> acs.deleteUser(FOREIGN));
        assertEquals(kind == Emulator.Kind.ASYNC, error instanceof IdentityErrorResponseException);
    }

    @ParameterizedTest
    @ValueSource(ints = {59, 1441})
    void aLifetimeThatAcsRejects(int minutes) {
        var user = acs.createUser();
        var lifetime = Duration.ofMinutes(minutes);
        var message = "ExpiresInMinutes value " + minutes + " is invalid. Value must be within the [60, 1440] interval.";
        assertRejected(400, "ValidationError", message, "ExpiresInMinutes", () -> acs.createUserAndToken(List.of(CHAT), lifetime));
        assertRejected(400, "ValidationError", message, "ExpiresInMinutes", () -> acs.getToken(user, List.of(CHAT), lifetime));
    }

    @Test
    void noScopes() {
        var user = acs.createUser();
        assertRejected(400, "ValidationError", "Invalid scopes - Scopes field is required.", "scopes",
            () -> acs.getToken(user, List.of(), null));
    }

    @Test
    void aScopeThatTheApiVersionOfTheSdkLacks() {
        var user = acs.createUser();
        assertRejected(400, "ValidationError", "Invalid scopes - chat.join is not supported.", "scopes",
            () -> acs.getToken(user, List.of(CommunicationTokenScope.fromString("chat.join")), null));
    }

    @Test
    void anIdentityOfAnotherResource() {
        var message = "Provided identity doesn't belong to the resource.";
        assertRejected(401, "IdentityNotOwned", message, null, () -> acs.getToken(FOREIGN, List.of(CHAT), null));
        assertRejected(401, "IdentityNotOwned", message, null, () -> acs.revokeTokens(FOREIGN));
        assertRejected(401, "IdentityNotOwned", message, null, () -> acs.deleteUser(FOREIGN));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "garbage", "expired"})
    void aTeamsExchangeWithAnInvalidToken(String token) throws Exception {
        var invalid = token.equals("expired") ? Emulator.entraToken(-60) : token;
        var options = new GetTokenForTeamsUserOptions(invalid, Emulator.APP_ID, Emulator.USER_ID);
        assertRejected(401, "InvalidAccessToken", "Provided access token is not valid.", null,
            () -> acs.getTokenForTeamsUser(options));
    }

    @ParameterizedTest
    @CsvSource({
        "'', AppId: The AppId field is required., AppId",
        "invalid, Provided AppId has invalid format., appId",
        OTHER + ", AAD application is not the expected one., appId",
    })
    void aTeamsExchangeWithAWrongApp(String appId, String message, String target) throws Exception {
        var options = new GetTokenForTeamsUserOptions(Emulator.entraToken(3600), appId, Emulator.USER_ID);
        assertRejected(400, "ValidationError", message, target, () -> acs.getTokenForTeamsUser(options));
    }

    @ParameterizedTest
    @CsvSource({
        "'', UserId: The UserId field is required., UserId",
        "invalid, Provided UserId has invalid format., userId",
        OTHER + ", Provided AAD token issued for unexpected user., userId",
    })
    void aTeamsExchangeWithAWrongUser(String userId, String message, String target) throws Exception {
        var options = new GetTokenForTeamsUserOptions(Emulator.entraToken(3600), Emulator.APP_ID, userId);
        assertRejected(400, "ValidationError", message, target, () -> acs.getTokenForTeamsUser(options));
    }

    @Test
    void a429WithRetryAfterIsRetriedAfterThatTime() throws Exception {
        var answer = Map.of("status", 429, "headers", Map.of("Retry-After", "1"));
        Emulator.control("POST", "faults", Map.of("operation", "create-identity", "answer", answer));
        var before = System.nanoTime();
        var user = acs.createUser();
        assertTrue(Duration.ofNanos(System.nanoTime() - before).toMillis() >= 1000, "it did not wait");
        assertEquals(Map.of("received", 2, "faulted", 1), Emulator.calls("create-identity"));
        assertEquals(List.of(user.getId()), Emulator.identities());
    }

    @Test
    void a500IsRetried() throws Exception {
        var answer = Map.of("status", 500);
        Emulator.control("POST", "faults", Map.of("operation", "create-identity", "answer", answer, "carriedOut", false));
        acs.createUser();
        assertEquals(Map.of("received", 2, "faulted", 1), Emulator.calls("create-identity"));
    }

    @Test
    void aWrongKey() throws Exception {
        var endpoint = Emulator.CONNECTION_STRING.replaceAll("endpoint=([^;]*);.*", "$1");
        var client = new CommunicationIdentityClientBuilder().endpoint(endpoint)
            .credential(new AzureKeyCredential("bm90IHRoZSBlbXVsYXRvcidzIGtleQ==")).buildClient();
        assertRejected(401, "Denied", "Denied by the resource provider.", null, client::createUser);
        assertEquals(List.of(), Emulator.identities());
    }

    @Test
    void httpIsRejectedByTheSdk() {
        var http = Emulator.CONNECTION_STRING.replaceAll("endpoint=[^;]*", "endpoint=" + System.getenv("EMULATOR"));
        var once = new RetryOptions(new FixedDelayOptions(0, Duration.ofMillis(1)));
        var client = new CommunicationIdentityClientBuilder().connectionString(http).retryOptions(once).buildClient();
        var error = assertThrows(RuntimeException.class, client::createUser);
        assertTrue(error.getMessage().contains("HTTPS"), error.getMessage());
    }
}
