package com.oursky.authgear;

/** A stub of Authgear's SDK for Android, as far as its documentation shows it. */
public class Authgear {
    public SessionState getSessionState() {
        return SessionState.AUTHENTICATED;
    }

    public void refreshAccessTokenIfNeededSync() throws Exception {}

    public String getAccessToken() {
        return System.getProperty("your_token");
    }

    public void clearSessionState() {}
}
