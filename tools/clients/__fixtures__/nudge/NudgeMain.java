public final class NudgeMain {
    public static void main(String[] arguments) throws Exception {
        System.out.print(TokenRefresher.refreshToken());
        System.exit(0);
    }
}
