// Tests CommunicationTokenCredential, which chat and calling clients use, with my-token as its tokenRefresher.

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.azure.communication.common.CommunicationTokenCredential;
import com.azure.communication.common.CommunicationTokenRefreshOptions;
import com.azure.core.credential.AccessToken;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class CredentialTest {
    /** The setting for the default lifetime. */
    private static final Map<String, Object> DEFAULT = new HashMap<>();

    @BeforeEach
    void reset() throws Exception {
        Emulator.control("POST", "reset", Map.of());
    }

    /** Returns a refresher for a new user of the test issuer. */
    static Supplier<String> newUser() throws Exception {
        var claims = Map.of("aud", "acs-tokens-dev", "sub", UUID.randomUUID().toString());
        var signIn = Emulator.control("POST", "oidc/tokens", Map.of("claims", claims)).get("token");
        return () -> {
            try {
                var answer = Emulator.send("POST", Emulator.FUNCTIONS + "/me/token", null, "Authorization", "Bearer " + signIn);
                return (String) answer.get("token");
            } catch (Exception error) {
                throw new IllegalStateException(error);
            }
        };
    }

    static void tokenLifetime(int seconds) throws Exception {
        Emulator.control("PUT", "settings", Map.of("tokenLifetimeSeconds", seconds));
    }

    static Object identity(AccessToken token) {
        return Emulator.claims(token.getToken()).get("skypeid");
    }

    /** Calls the credential until it returns another token. */
    static AccessToken nextAfter(CommunicationTokenCredential credential, String token) throws Exception {
        var deadline = System.nanoTime() + Duration.ofSeconds(30).toNanos();
        var next = credential.getToken().block();
        while (next.getToken().equals(token) && System.nanoTime() < deadline) {
            TimeUnit.MILLISECONDS.sleep(50);
            next = credential.getToken().block();
        }
        assertNotEquals(token, next.getToken());
        return next;
    }

    @Test
    void anExpiredTokenIsReplacedByOneForTheSameIdentity() throws Exception {
        try (var credential = new CommunicationTokenCredential(new CommunicationTokenRefreshOptions(newUser()))) {
            tokenLifetime(2);
            var first = credential.getToken().block();
            assertEquals(first.getToken(), credential.getToken().block().getToken());
            Emulator.control("PUT", "settings", DEFAULT);
            var second = nextAfter(credential, first.getToken());
            assertEquals("expired", Emulator.tokenStatus(first));
            assertEquals("valid", Emulator.tokenStatus(second));
            assertEquals(identity(first), identity(second));
            assertEquals(1, Emulator.identities().size());
        }
    }

    @Test
    void aTokenIsRefreshedProactively() throws Exception {
        var refresher = newUser();
        tokenLifetime(10);
        var token = refresher.get();
        Emulator.control("PUT", "settings", DEFAULT);
        var options = new CommunicationTokenRefreshOptions(refresher).setInitialToken(token).setRefreshProactively(true);
        try (var credential = new CommunicationTokenCredential(options)) {
            var next = nextAfter(credential, token);
            assertEquals("valid", Emulator.tokenStatus(new AccessToken(token, null)), "the first token had expired");
            assertEquals("valid", Emulator.tokenStatus(next));
        }
    }

    @Test
    void anExpiredTokenOfTheRefresherIsRejected() throws Exception {
        tokenLifetime(0);
        try (var credential = new CommunicationTokenCredential(new CommunicationTokenRefreshOptions(newUser()))) {
            var error = assertThrows(IllegalArgumentException.class, () -> credential.getToken().block());
            assertEquals("The token returned from the tokenRefresher is expired.", error.getMessage());
        }
    }
}
