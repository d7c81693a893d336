import com.oursky.authgear.Authgear;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;

/** Runs the code of the page, and prints one line for each result. */
public final class Main {
    private interface Work {
        Object run() throws IOException;
    }

    private static void print(String name, Work work) {
        try {
            System.out.println(name + "=" + work.run());
        } catch (ValetKeyException failure) {
            System.out.println(name + "=" + failure.code + " " + failure.retryAfterSeconds + " " + failure.requestId);
        } catch (IOException failure) {
            System.out.println(name + "=" + failure.getClass().getSimpleName());
        }
    }

    public static void main(String[] arguments) throws IOException {
        String broker = System.getProperty("broker");
        String token = System.getProperty("your_token");
        ValetKey valet = new ValetKey(broker, Vendors.authgearAppToken(new Authgear()));
        print("nudge", () -> Vendors.nudgeRefreshToken(valet));
        print("nabla", () -> {
            Vendors.NablaTokens tokens = Vendors.nablaTokens(valet);
            return tokens.accessToken + " " + tokens.refreshToken;
        });
        print("vital", () -> Vendors.vitalSignInToken(valet));
        print("nymbl", () -> Vendors.nymblPatients(valet));
        print("patients", () -> Screen.load(valet));
        print("forbidden", () -> valet.get("nymbl", "/Billing").status);
        print("unknown", () -> valet.issue("nowhere"));
        print("unavailable", () -> valet.issue("busy"));
        print("unavailable nudge", () -> Vendors.nudgeRefreshToken(new ValetKey(broker, force -> null)));
        ValetKey forced = new ValetKey(broker, force -> force ? token : "stale");
        print("forced", () -> forced.issue("vital", "user_id").length());
        print("refused", () -> new ValetKey(broker, force -> "stale").issue("vital"));
        ValetKey[] leaving = new ValetKey[1];
        leaving[0] = new ValetKey(broker, force -> {
            leaving[0].signOut();
            return token;
        });
        print("signed out", () -> leaving[0].issue("nudge"));
        print("no user", () -> new ValetKey(broker, force -> null).issue("nudge"));
        HttpServer portal = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 0);
        portal.createContext("/", exchange -> {
            exchange.sendResponseHeaders(200, 4);
            exchange.getResponseBody().write("{\"a\"".getBytes());
            exchange.close();
        });
        portal.start();
        String portalUrl = "http://127.0.0.1:" + portal.getAddress().getPort();
        print("portal", () -> new ValetKey(portalUrl, force -> token).issue("nudge"));
        portal.stop(0);
        print("offline", () -> Screen.load(new ValetKey(portalUrl, force -> token)));
        System.exit(0);
    }
}
