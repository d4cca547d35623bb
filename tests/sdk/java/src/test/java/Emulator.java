// The running emulator: its addresses, its control API, and clients of the SDK.

import com.azure.communication.common.CommunicationUserIdentifier;
import com.azure.communication.identity.CommunicationIdentityAsyncClient;
import com.azure.communication.identity.CommunicationIdentityClient;
import com.azure.communication.identity.CommunicationIdentityClientBuilder;
import com.azure.communication.identity.models.CommunicationTokenScope;
import com.azure.communication.identity.models.CommunicationUserIdentifierAndToken;
import com.azure.communication.identity.models.GetTokenForTeamsUserOptions;
import com.azure.core.credential.AccessToken;
import com.azure.core.util.BinaryData;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.Base64;
import java.util.List;
import java.util.Map;

final class Emulator {
    static final String APP_ID = "2c3e1e83-8fd7-4615-ad2b-b8c1229845ac";
    static final String USER_ID = "32c0a5db-05ec-78ea-51ab-3f06b329397e";
    static final String FUNCTIONS = System.getenv("FUNCTIONS");
    static final String CONNECTION_STRING = System.getenv("CONNECTION_STRING");

    private static final HttpClient HTTP = HttpClient.newHttpClient();

    private Emulator() {}

    /** Sends a request with a JSON body, and returns the answer. */
    static Map<String, Object> send(String method, String url, Object body, String... headers)
            throws IOException, InterruptedException {
        var publisher = body == null ? BodyPublishers.noBody() : BodyPublishers.ofByteArray(BinaryData.fromObject(body).toBytes());
        var request = HttpRequest.newBuilder(URI.create(url)).method(method, publisher).timeout(Duration.ofSeconds(30));
        request.header("Content-Type", "application/json");
        if (headers.length > 0) {
            request.headers(headers);
        }
        var response = HTTP.send(request.build(), BodyHandlers.ofString());
        if (response.statusCode() >= 300) {
            throw new IOException(method + " " + url + ": " + response.statusCode() + " " + response.body());
        }
        return response.body().isEmpty() ? Map.of() : json(response.body());
    }

    @SuppressWarnings("unchecked")
    static Map<String, Object> json(String text) {
        return BinaryData.fromString(text).toObject(Map.class);
    }

    /** Calls the emulator's control API. */
    static Map<String, Object> control(String method, String path, Object body) throws IOException, InterruptedException {
        return send(method, System.getenv("EMULATOR") + "/_emulator/" + path, body);
    }

    static Object tokenStatus(AccessToken token) throws IOException, InterruptedException {
        return control("POST", "tokens/check", Map.of("token", token.getToken())).get("status");
    }

    /** Returns the Entra token of a Teams user. */
    static String entraToken(int expiresInSeconds) throws IOException, InterruptedException {
        var fields = Map.of("appId", APP_ID, "userId", USER_ID, "expiresInSeconds", expiresInSeconds);
        return (String) control("POST", "entra/tokens", fields).get("token");
    }

    /** Returns the counts of requests for an operation. */
    static Object calls(String operation) throws IOException, InterruptedException {
        return ((Map<?, ?>) control("GET", "state", null).get("calls")).get(operation);
    }

    /** Returns the ids of all identities. */
    static List<?> identities() throws IOException, InterruptedException {
        var identities = (List<?>) control("GET", "state", null).get("identities");
        return identities.stream().map(identity -> ((Map<?, ?>) identity).get("id")).toList();
    }

    /** Returns the claims of a token without verifying it. */
    static Map<String, Object> claims(String token) {
        return json(new String(Base64.getUrlDecoder().decode(token.split("\\.")[1])));
    }

    static CommunicationIdentityClientBuilder builder() {
        return new CommunicationIdentityClientBuilder().connectionString(CONNECTION_STRING);
    }

    /** What the tests call: the operations of the two clients of the SDK. */
    interface Client {
        CommunicationUserIdentifier createUser();

        CommunicationUserIdentifierAndToken createUserAndToken(List<CommunicationTokenScope> scopes, Duration lifetime);

        AccessToken getToken(CommunicationUserIdentifier user, List<CommunicationTokenScope> scopes, Duration lifetime);

        void revokeTokens(CommunicationUserIdentifier user);

        void deleteUser(CommunicationUserIdentifier user);

        AccessToken getTokenForTeamsUser(GetTokenForTeamsUserOptions options);
    }

    /** The clients under test. A lifetime of null calls the method without one. */
    enum Kind {
        SYNC,
        ASYNC;

        Client client() {
            return this == SYNC ? sync(builder().buildClient()) : async(builder().buildAsyncClient());
        }
    }

    private static Client sync(CommunicationIdentityClient acs) {
        return new Client() {
            @Override
            public CommunicationUserIdentifier createUser() {
                return acs.createUser();
            }

            @Override
            public CommunicationUserIdentifierAndToken createUserAndToken(List<CommunicationTokenScope> scopes, Duration lifetime) {
                return lifetime == null ? acs.createUserAndToken(scopes) : acs.createUserAndToken(scopes, lifetime);
            }

            @Override
            public AccessToken getToken(CommunicationUserIdentifier user, List<CommunicationTokenScope> scopes, Duration lifetime) {
                return lifetime == null ? acs.getToken(user, scopes) : acs.getToken(user, scopes, lifetime);
            }

            @Override
            public void revokeTokens(CommunicationUserIdentifier user) {
                acs.revokeTokens(user);
            }

            @Override
            public void deleteUser(CommunicationUserIdentifier user) {
                acs.deleteUser(user);
            }

            @Override
            public AccessToken getTokenForTeamsUser(GetTokenForTeamsUserOptions options) {
                return acs.getTokenForTeamsUser(options);
            }
        };
    }

    private static Client async(CommunicationIdentityAsyncClient acs) {
        return new Client() {
            @Override
            public CommunicationUserIdentifier createUser() {
                return acs.createUser().block();
            }

            @Override
            public CommunicationUserIdentifierAndToken createUserAndToken(List<CommunicationTokenScope> scopes, Duration lifetime) {
                return (lifetime == null ? acs.createUserAndToken(scopes) : acs.createUserAndToken(scopes, lifetime)).block();
            }

            @Override
            public AccessToken getToken(CommunicationUserIdentifier user, List<CommunicationTokenScope> scopes, Duration lifetime) {
                return (lifetime == null ? acs.getToken(user, scopes) : acs.getToken(user, scopes, lifetime)).block();
            }

            @Override
            public void revokeTokens(CommunicationUserIdentifier user) {
                acs.revokeTokens(user).block();
            }

            @Override
            public void deleteUser(CommunicationUserIdentifier user) {
                acs.deleteUser(user).block();
            }

            @Override
            public AccessToken getTokenForTeamsUser(GetTokenForTeamsUserOptions options) {
                return acs.getTokenForTeamsUser(options).block();
            }
        };
    }
}
