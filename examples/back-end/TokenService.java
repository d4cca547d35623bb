// A back end that calls acs-tokens with a function key: creates an identity, issues, revokes and deletes.
//
//   FUNCTIONS_URL=http://127.0.0.1:7071 FUNCTION_KEY=… java --class-path <Jackson's jars> TokenService.java

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.List;
import java.util.Map;

public final class TokenService {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final HttpClient http = HttpClient.newHttpClient(); // follows no redirects
    private final String base;
    private final String functionKey;

    public TokenService(String functionsUrl, String functionKey) {
        this.base = functionsUrl + "/api/identities";
        this.functionKey = functionKey;
    }

    /** An error answer: a problem (RFC 9457). docs/problems.md lists the codes. */
    public static final class TokenServiceException extends IOException {
        public final int status;
        public final String code;

        TokenServiceException(HttpResponse<String> answer) throws IOException {
            this(answer.statusCode(), isProblem(answer) ? JSON.readTree(answer.body()) : JSON.createObjectNode());
        }

        private TokenServiceException(int status, JsonNode problem) {
            super(status + " " + problem.path("detail").asText("the answer is not one of acs-tokens"));
            this.status = status;
            this.code = problem.path("code").asText("unexpected-answer");
        }

        private static boolean isProblem(HttpResponse<String> answer) {
            return answer.headers().firstValue("Content-Type").orElse("").startsWith("application/problem+json");
        }
    }

    /** Creates an identity with its first token: {@code identity.id}, which you store, and {@code accessToken}. */
    public JsonNode createIdentity(List<String> scopes) throws IOException, InterruptedException {
        return call("POST", "", Map.of("createTokenWithScopes", scopes));
    }

    /** Issues a token: {@code token}, {@code expiresOn} and {@code expiresOnTimestamp}. */
    public JsonNode issueToken(String identity, List<String> scopes, int minutes) throws IOException, InterruptedException {
        return call("POST", "/" + identity + "/tokens", Map.of("scopes", scopes, "expiresInMinutes", minutes));
    }

    public void revokeTokens(String identity) throws IOException, InterruptedException {
        call("DELETE", "/" + identity + "/tokens", null);
    }

    public void deleteIdentity(String identity) throws IOException, InterruptedException {
        call("DELETE", "/" + identity, null);
    }

    private JsonNode call(String method, String path, Object body) throws IOException, InterruptedException {
        var publisher = body == null ? BodyPublishers.noBody() : BodyPublishers.ofByteArray(JSON.writeValueAsBytes(body));
        var request = HttpRequest.newBuilder(URI.create(base + path))
            .header("x-functions-key", functionKey)
            .header("Content-Type", "application/json")
            .timeout(Duration.ofSeconds(30))
            .method(method, publisher)
            .build();
        var answer = http.send(request, BodyHandlers.ofString());
        if (answer.statusCode() / 100 != 2) {
            throw new TokenServiceException(answer);
        }
        return JSON.readTree(answer.body());
    }

    public static void main(String[] args) throws IOException, InterruptedException {
        var service = new TokenService(System.getenv("FUNCTIONS_URL"), System.getenv("FUNCTION_KEY"));
        var created = service.createIdentity(List.of("voip"));
        var user = created.at("/identity/id").asText();
        System.out.println("created " + user + " with a token until " + created.at("/accessToken/expiresOn").asText());
        var token = service.issueToken(user, List.of("chat", "voip"), 60);
        System.out.println("issued a token until " + token.path("expiresOn").asText());
        service.revokeTokens(user);
        System.out.println("revoked the tokens");
        service.deleteIdentity(user);
        System.out.println("deleted the identity");
        try {
            service.issueToken(user, List.of("chat"), 60);
        } catch (TokenServiceException error) {
            System.out.println("refused: " + error.code);
        }
    }
}
