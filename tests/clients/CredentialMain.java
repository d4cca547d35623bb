// Prints two tokens of the credential in docs/clients.md, one a line: the first, and the one that replaces it.

import java.time.Duration;
import java.util.concurrent.TimeUnit;

final class CredentialMain {
    public static void main(String[] args) throws Exception {
        try (var credential = Credential.create(System.getenv("FUNCTIONS_URL"), () -> System.getenv("SIGN_IN_TOKEN"))) {
            var first = credential.getToken().block().getToken();
            System.out.println(first);
            var deadline = System.nanoTime() + Duration.ofSeconds(30).toNanos();
            var second = first;
            while (second.equals(first) && System.nanoTime() < deadline) {
                TimeUnit.MILLISECONDS.sleep(50);
                second = credential.getToken().block().getToken();
            }
            System.out.println(second);
        }
        System.exit(0); // see docs/clients.md
    }
}
