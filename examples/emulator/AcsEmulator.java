import com.azure.communication.identity.CommunicationIdentityClient;
import com.azure.communication.identity.CommunicationIdentityClientBuilder;
import com.azure.core.http.netty.NettyAsyncHttpClientBuilder;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import org.testcontainers.containers.GenericContainer;
import org.testcontainers.containers.wait.strategy.Wait;
import reactor.netty.http.client.HttpClient;

/** The emulator for tests in Java, as a container: org.testcontainers:testcontainers. */
public final class AcsEmulator extends GenericContainer<AcsEmulator> {
    private static final String KEY =
        "YWNzLXRva2VucyBlbXVsYXRvcjogYSBwdWJsaXNoZWQgZGV2ZWxvcG1lbnQga2V5LCBub3QgYSBzZWNyZXQhIQ==";

    public AcsEmulator() {
        super("acs-tokens-emulator");
        withExposedPorts(7072, 7073);
        waitingFor(Wait.forHttp("/health").forPort(7072));
    }

    /** Returns a client that trusts the certificate. The SDK for Java refuses http. */
    public CommunicationIdentityClient client() throws IOException {
        return client(getHost(), getMappedPort(7072), getMappedPort(7073));
    }

    static CommunicationIdentityClient client(String host, int http, int https) throws IOException {
        URI certificate = URI.create("http://" + host + ":" + http + "/certificate.pem");
        try (InputStream pem = certificate.toURL().openStream()) {
            SslContext trusting = SslContextBuilder.forClient().trustManager(pem).build();
            HttpClient transport = HttpClient.create().secure(spec -> spec.sslContext(trusting));
            return new CommunicationIdentityClientBuilder()
                .connectionString("endpoint=https://" + host + ":" + https + "/;accesskey=" + KEY)
                .httpClient(new NettyAsyncHttpClientBuilder(transport).build())
                .buildClient();
        }
    }
}
