package com.oursky.authgear;

public enum SessionState {
    UNKNOWN,
    NO_SESSION,
    AUTHENTICATED
}
