object NudgeTokenManager {
    fun registerRefreshToken(refreshToken: suspend () -> String?) {}
}
